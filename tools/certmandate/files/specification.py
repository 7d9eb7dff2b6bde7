"""A delegation file's content, checked: all faults, each with its place and its fix.

delegations/example.yaml has every field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from certmandate.files import endpoints, fields
from certmandate.files.fields import Fault, Reader
from certmandate.files.yaml_document import Place
from renewal.domain.calendar import phase_at
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.delegation import S3, CertificateSpec, Delegation, RenewalPolicy
from renewal.domain.endpoint.declaration import GRACE_HOURS
from renewal.domain.key_type import KeyType
from renewal.domain.names import is_for

_ARN = re.compile(r"arn:aws[a-z-]*:acm:(?P<region>[a-z0-9-]+):\d{12}:certificate/[0-9a-f-]{36}")
MAX_NAMES = 1000
"""Names of a certificate. Profiles allow fewer, and SCM does not show how many: a refused order names it."""
MAX_LETTERS = 50_000
"""Of all names of a certificate: spec, order, request and chain repeat them in one item of at most 400 KB."""

_INHERITED = ("profile_id", "policy", "custom_fields", "external_requester")
_TOP = frozenset(
    (
        "delegation", "organisation", "department_id", "rao_email", "language", "mandate_ends", "address",
        "delegated_names", "certificates", *_INHERITED,
    )
)  # fmt: skip
_CERTIFICATE = frozenset(
    ["name", "names", "key", "term_days", "stores", "arns", "chain", "served_at", "grace_hours", *_INHERITED]
)
_POLICY = frozenset({"ratio", "floor_days"})


@dataclass(frozen=True, slots=True)
class Specification:
    """A delegation and its certificates, as a file specifies them."""

    delegation: Delegation
    certificates: tuple[CertificateSpec, ...]


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What the top of the file gives to every certificate that does not have its own."""

    profile_id: int | None = None
    policy: RenewalPolicy = field(default_factory=RenewalPolicy)
    custom_fields: Mapping[str, str] = field(default_factory=dict)
    external_requester: str = ""


def read(document: object, now: datetime) -> tuple[Specification | None, list[Fault]]:
    """Read a delegation document. Returns (specification, faults); the specification is None when there are faults.

    *now* decides which lifetimes a policy is held against.
    """
    reader = Reader()
    top = reader.mapping(document, (), _TOP)
    if not isinstance(document, Mapping):
        return None, reader.faults
    delegation = _delegation(reader, top)
    certificates = _certificates(reader, top, delegation.name, _inherited(reader, top, (), _Inherited()))
    for index, spec in certificates:
        _hold_against(reader, ("certificates", index), spec, delegation, now)
    if reader.faults:
        return None, reader.faults
    return Specification(delegation, tuple(spec for _, spec in certificates)), []


def _delegation(reader: Reader, top: Mapping[str, Any]) -> Delegation:
    return Delegation(
        name=reader.value(top, "delegation", (), fields.delegation_or_certificate) or "",
        organisation=reader.value(top, "organisation", (), fields.text) or "",
        department_id=reader.value(top, "department_id", (), fields.positive) or 0,
        delegated_names=tuple(reader.items(top, "delegated_names", (), fields.domain_name)),
        rao_email=reader.value(top, "rao_email", (), fields.email, default=""),
        language=reader.value(top, "language", (), fields.language, default=""),
        mandate_ends=reader.value(top, "mandate_ends", (), fields.day, default=None),
        address=reader.value(top, "address", (), fields.address, default=""),
    )


def _inherited(reader: Reader, source: Mapping[str, Any], place: Place, default: _Inherited) -> _Inherited:
    return _Inherited(
        profile_id=reader.value(source, "profile_id", place, fields.positive, default=default.profile_id),
        policy=_policy(reader, source, place, default.policy),
        custom_fields={**default.custom_fields, **_custom_fields(reader, source, place)},
        external_requester=reader.value(
            source, "external_requester", place, fields.external_requester, default=default.external_requester
        ),
    )


def _custom_fields(reader: Reader, source: Mapping[str, Any], place: Place) -> dict[str, str]:
    written, place = source.get("custom_fields") or {}, (*place, "custom_fields")
    if not isinstance(written, Mapping):
        reader.fault(place, "must map the name of a custom field to its value")
        return {}
    read: dict[str, str] = {}
    for name, value in written.items():
        try:
            read[fields.custom_field(name)] = fields.custom_field(value)
        except ValueError as error:
            reader.fault((*place, str(name)), str(error))
    return read


def _certificates(
    reader: Reader, top: Mapping[str, Any], delegation: str, defaults: _Inherited
) -> list[tuple[int, CertificateSpec]]:
    entries = top.get("certificates")
    if not isinstance(entries, list):
        reader.fault(("certificates",), "must be a list of certificates" if entries is not None else "is missing")
        return []
    specs: list[tuple[int, CertificateSpec]] = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            reader.mapping(entry, ("certificates", index), _CERTIFICATE)
            continue
        spec = _certificate(reader, entry, ("certificates", index), delegation, defaults)
        if any(spec.name and spec.name == other.name for _, other in specs):
            reader.fault(("certificates", index, "name"), f"'{spec.name}' is the name of an earlier certificate too")
        specs.append((index, spec))
    return specs


def _certificate(reader: Reader, entry: Any, place: Place, delegation: str, defaults: _Inherited) -> CertificateSpec:
    source = reader.mapping(entry, place, _CERTIFICATE)
    names = reader.items(source, "names", place, fields.domain_name)
    if source.get("names") == []:
        reader.fault((*place, "names"), "must have at least one name")
    if len(names) > MAX_NAMES:
        reader.fault((*place, "names"), f"has {len(names)} names; {MAX_NAMES} at most")
    if sum(map(len, names)) > MAX_LETTERS:
        reader.fault((*place, "names"), f"has names of more than {MAX_LETTERS:,} letters together")
    own = _inherited(reader, source, place, defaults)
    if own.profile_id is None and reader.is_clean(("profile_id",)) and reader.is_clean((*place, "profile_id")):
        reader.fault((*place, "profile_id"), "is missing, here and at the top of the file")
    return CertificateSpec(
        delegation=delegation,
        name=reader.value(source, "name", place, fields.delegation_or_certificate) or "",
        names=tuple(names),
        profile_id=own.profile_id or 0,
        key_type=reader.value(source, "key", place, fields.key_type, default=KeyType.P_256),
        term_days=reader.value(source, "term_days", place, fields.positive, default=None),
        stores=tuple(reader.items(source, "stores", place, fields.store)) if "stores" in source else (S3,),
        arns=_arns(reader, source, place),
        chain=reader.value(source, "chain", place, fields.chain, default=ChainForm.COMPATIBLE),
        served_at=tuple(reader.items(source, "served_at", place, endpoints.endpoint)) if "served_at" in source else (),
        grace_hours=reader.value(source, "grace_hours", place, endpoints.grace_hours, default=GRACE_HOURS),
        policy=own.policy,
        custom_fields=own.custom_fields,
        external_requester=own.external_requester,
    )


def _arns(reader: Reader, source: Mapping[str, Any], place: Place) -> dict[str, str]:
    arns = source.get("arns", {})
    if not isinstance(arns, Mapping):
        reader.fault((*place, "arns"), "must map a region to the ARN of an ACM certificate")
        return {}
    for region, arn in arns.items():
        match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
        if not match:
            reader.fault((*place, "arns", str(region)), "is not the ARN of an ACM certificate")
        elif match["region"] != region:
            reader.fault((*place, "arns", str(region)), f"is an ARN of {match['region']}, not of {region}")
    return {str(region): str(arn) for region, arn in arns.items()}


def _policy(reader: Reader, source: Mapping[str, Any], place: Place, inherited: RenewalPolicy) -> RenewalPolicy:
    if source.get("policy") is None:
        return inherited
    policy = reader.mapping(source["policy"], (*place, "policy"), _POLICY)
    return RenewalPolicy(
        ratio=reader.value(policy, "ratio", (*place, "policy"), fields.ratio, default=inherited.ratio),
        floor_days=reader.value(
            policy, "floor_days", (*place, "policy"), fields.whole_days, default=inherited.floor_days
        ),
    )


def _hold_against(reader: Reader, place: Place, spec: CertificateSpec, delegation: Delegation, now: datetime) -> None:
    """The faults that only several fields together show."""
    for name in delegation.not_delegated(spec.names) if reader.is_clean(("delegated_names",)) else ():
        reader.fault((*place, "names"), f"'{name}' is not delegated: {_why_not(name, delegation.delegated_names)}")
    stores, arns = (*place, "stores"), (*place, "arns")
    extra = set(spec.arns) - set(spec.acm_regions)
    if extra and reader.is_clean(stores) and reader.is_clean(arns):
        reader.fault(arns, f"{', '.join(sorted(extra))}: stores has no acm:<region> for it")
    if not spec.stores and reader.is_clean(stores):
        reader.fault(stores, "must name at least one store: s3 or acm:<region>")
    _hold_endpoints(reader, (*place, "served_at"), spec)
    lifetime = min(spec.term_days or 10**6, phase_at(now).term_days)
    if spec.policy.floor_days > lifetime // 2:
        reader.fault(
            (*place, "policy", "floor_days"),
            f"{spec.policy.floor_days} days of a lifetime of {lifetime} would renew in a loop; "
            f"at most {lifetime // 2} (half of it), or leave it out: the ratio follows the lifetime",
        )


def _hold_endpoints(reader: Reader, place: Place, spec: CertificateSpec) -> None:
    if len(spec.served_at) > endpoints.MOST_ENDPOINTS:
        reader.fault(place, f"has {len(spec.served_at)} endpoints; {endpoints.MOST_ENDPOINTS} at most")
    hosts = dict.fromkeys(endpoint.host for endpoint in spec.served_at if endpoint.host)
    for host in hosts if reader.is_clean((*place[:-1], "names")) else ():
        if not is_for(spec.names, host):
            reader.fault(place, f"'{host}' is none of the certificate's names, so clients would refuse it there")


def _why_not(name: str, entries: tuple[str, ...]) -> str:
    base = name.removeprefix("*.")
    if name.startswith("*.") and base in entries:
        return f"the entry {base} permits exactly that name; a wildcard needs the entry {name}"
    parent = base.split(".", 1)[-1]
    if parent in entries:
        return f"the entry {parent} permits exactly that name, nothing below it; delegate {name} itself"
    if f"*.{base}" in entries:
        return f"the entry *.{base} permits what is below {base}, not {base}; delegate {base} too"
    return f"delegated are {', '.join(entries) or 'no names at all'}; ask the RAO for {name} itself"
