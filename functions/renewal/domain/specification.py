"""A delegation file's content, checked: every fault with its place and its mend, not only the first.

The shape (YAML or JSON; `delegations/` has examples):

    delegation: univ-example            # 1 to 40 lower-case letters, digits, hyphens
    organisation: Université d'Exemple
    department_id: 1698                 # the OrgID of the department, not of the organisation
    rao_email: rao@univ.example         # optional
    mandate_ends: 2028-12-31            # optional, the last day
    address: 192.0.2.10/32              # optional, the /32 in the department's access list
    delegated_names: [idp.univ.example, "*.apps.univ.example"]
    profile_id: 1018                    # default for its certificates
    policy: {ratio: 0.33, floor_days: 20}    # optional
    certificates:
      - name: idp
        names: [idp.univ.example]
        key: P-256                      # RSA-2048, RSA-3072, RSA-4096, P-256 (default) or P-384
        profile_id: 1018                # optional
        term_days: 199                  # optional, an upper bound
        stores: [s3, "acm:eu-west-3"]   # default: s3
        arns: {eu-west-3: "arn:aws:acm:…"}   # optional, existing certificates to re-import into
        policy: {…}                     # optional
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from renewal.domain.calendar import phase_at
from renewal.domain.delegation import S3, CertificateSpec, Delegation, RenewalPolicy
from renewal.domain.keypair import KeyType
from renewal.domain.names import normalised
from renewal.domain.request import NAME

Place = tuple[str | int, ...]

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ARN = re.compile(r"arn:aws[a-z-]*:acm:(?P<region>[a-z0-9-]+):\d{12}:certificate/[0-9a-f-]{36}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MAX_NAMES = 100  # names a certificate; more is refused by common profiles and by people


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: *place* is the path of keys and indexes to the value."""

    place: Place
    text: str

    def __str__(self) -> str:
        """`certificates[0].names[2]: …`."""
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.place).lstrip(".")
        return f"{where or 'file'}: {self.text}"


@dataclass(slots=True)
class _Reader:
    """Reads values out of nested mappings and collects faults on the way."""

    faults: list[Fault] = field(default_factory=list)

    def fault(self, place: Place, text: str) -> None:
        self.faults.append(Fault(place, text))

    def is_clean(self, place: Place) -> bool:
        """Whether nothing at *place* or below has a fault: what follows from a fault is not told beside it."""
        return all(fault.place[: len(place)] != place for fault in self.faults)

    def mapping(self, value: Any, place: Place, known: frozenset[str]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.fault(place, f"must be a mapping with {', '.join(sorted(known))}")
            return {}
        for key in value:
            if key not in known:
                self.fault((*place, str(key)), f"unknown field; known here: {', '.join(sorted(known))}")
        return value

    def value(
        self,
        source: Mapping[str, Any],
        key: str,
        place: Place,
        read: Callable[[Any], Any],
        *,
        default: Any = ...,
    ) -> Any:
        """Read one field; on a fault note it and return the default (or None)."""
        if source.get(key) is None:
            if default is ...:
                self.fault((*place, key), "is missing")
                return None
            return default
        try:
            return read(source[key])
        except ValueError as error:
            self.fault((*place, key), str(error))
            return None if default is ... else default

    def items(self, source: Mapping[str, Any], key: str, place: Place, read: Callable[[Any], Any]) -> list[Any]:
        """Read a list field entry by entry; duplicates are faults."""
        values = source.get(key)
        if not isinstance(values, list):
            self.fault((*place, key), "must be a list" if key in source else "is missing")
            return []
        return self._entries(values, (*place, key), read)

    def _entries(self, values: list[Any], place: Place, read: Callable[[Any], Any]) -> list[Any]:
        found: list[Any] = []
        for index, value in enumerate(values):
            try:
                entry = read(value)
            except ValueError as error:
                self.fault((*place, index), str(error))
                continue
            if entry in found:
                self.fault((*place, index), f"'{entry}' stands here twice")
            else:
                found.append(entry)
        return found


_TOP = frozenset(
    [
        "delegation",
        "organisation",
        "department_id",
        "rao_email",
        "mandate_ends",
        "address",
        "delegated_names",
        "profile_id",
        "policy",
        "certificates",
    ]
)
_CERTIFICATE = frozenset(["name", "names", "key", "profile_id", "term_days", "stores", "arns", "policy"])
_POLICY = frozenset({"ratio", "floor_days"})


@dataclass(frozen=True, slots=True)
class Specification:
    """A delegation and its certificates, as one file says them."""

    delegation: Delegation
    certificates: tuple[CertificateSpec, ...]


def read(document: object, now: datetime) -> tuple[Specification | None, list[Fault]]:
    """Read one delegation document. Returns (specification, faults); the specification is None when there are faults.

    *now* decides which lifetimes a policy is held against.
    """
    reader = _Reader()
    top = reader.mapping(document, (), _TOP)
    if not isinstance(document, Mapping):
        return None, reader.faults
    delegation = _delegation(reader, top)
    policy = _policy(reader, top, (), RenewalPolicy())
    profile_id = reader.value(top, "profile_id", (), _positive, default=None)
    certificates = _certificates(reader, top, delegation.name, profile_id, policy)
    for index, spec in certificates:
        _hold_against(reader, ("certificates", index), spec, delegation, now)
    if reader.faults:
        return None, reader.faults
    return Specification(delegation, tuple(spec for _, spec in certificates)), []


def _delegation(reader: _Reader, top: Mapping[str, Any]) -> Delegation:
    return Delegation(
        name=reader.value(top, "delegation", (), _name) or "",
        organisation=reader.value(top, "organisation", (), _text) or "",
        department_id=reader.value(top, "department_id", (), _positive) or 0,
        delegated_names=tuple(reader.items(top, "delegated_names", (), _domain)),
        rao_email=reader.value(top, "rao_email", (), _email, default=""),
        mandate_ends=reader.value(top, "mandate_ends", (), _day, default=None),
        address=reader.value(top, "address", (), _address, default=""),
    )


def _certificates(
    reader: _Reader, top: Mapping[str, Any], delegation: str, profile_id: int | None, policy: RenewalPolicy
) -> list[tuple[int, CertificateSpec]]:
    entries = top.get("certificates")
    if not isinstance(entries, list):
        reader.fault(("certificates",), "must be a list of certificates" if entries is not None else "is missing")
        return []
    found: list[tuple[int, CertificateSpec]] = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            reader.mapping(entry, ("certificates", index), _CERTIFICATE)
            continue
        spec = _certificate(reader, entry, ("certificates", index), delegation, profile_id, policy)
        if any(spec.name and spec.name == other.name for _, other in found):
            reader.fault(("certificates", index, "name"), f"'{spec.name}' is the name of an earlier certificate too")
        found.append((index, spec))
    return found


def _certificate(
    reader: _Reader, entry: Any, place: Place, delegation: str, profile_id: int | None, policy: RenewalPolicy
) -> CertificateSpec:
    source = reader.mapping(entry, place, _CERTIFICATE)
    names = reader.items(source, "names", place, _domain)
    if source.get("names") == []:
        reader.fault((*place, "names"), "must have at least one name")
    if len(names) > MAX_NAMES:
        reader.fault((*place, "names"), f"has {len(names)} names; {MAX_NAMES} at most")
    own_profile = reader.value(source, "profile_id", place, _positive, default=profile_id)
    if own_profile is None and reader.is_clean(("profile_id",)) and reader.is_clean((*place, "profile_id")):
        reader.fault((*place, "profile_id"), "is missing, here and at the top of the file")
    return CertificateSpec(
        delegation=delegation,
        name=reader.value(source, "name", place, _name) or "",
        names=tuple(names),
        profile_id=own_profile or 0,
        key_type=reader.value(source, "key", place, _key_type, default=KeyType.P_256),
        term_days=reader.value(source, "term_days", place, _positive, default=None),
        stores=tuple(reader.items(source, "stores", place, _store)) if "stores" in source else (S3,),
        arns=_arns(reader, source, place),
        policy=_policy(reader, source, place, policy),
    )


def _arns(reader: _Reader, source: Mapping[str, Any], place: Place) -> dict[str, str]:
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


def _policy(reader: _Reader, source: Mapping[str, Any], place: Place, inherited: RenewalPolicy) -> RenewalPolicy:
    if source.get("policy") is None:
        return inherited
    policy = reader.mapping(source["policy"], (*place, "policy"), _POLICY)
    return RenewalPolicy(
        ratio=reader.value(policy, "ratio", (*place, "policy"), _ratio, default=inherited.ratio),
        floor_days=reader.value(policy, "floor_days", (*place, "policy"), _whole, default=inherited.floor_days),
    )


def _hold_against(reader: _Reader, place: Place, spec: CertificateSpec, delegation: Delegation, now: datetime) -> None:
    """The faults that only several fields together show."""
    for name in delegation.not_delegated(spec.names) if reader.is_clean(("delegated_names",)) else ():
        reader.fault((*place, "names"), f"'{name}' is not delegated: {_why_not(name, delegation.delegated_names)}")
    stores, arns = (*place, "stores"), (*place, "arns")
    extra = set(spec.arns) - set(spec.acm_regions)
    if extra and reader.is_clean(stores) and reader.is_clean(arns):
        reader.fault(arns, f"{', '.join(sorted(extra))}: no store acm:<region> says so")
    if not spec.stores and reader.is_clean(stores):
        reader.fault(stores, "must name at least one store: s3 or acm:<region>")
    lifetime = min(spec.term_days or 10**6, phase_at(now).term_days)
    if spec.policy.floor_days > lifetime // 2:
        reader.fault(
            (*place, "policy", "floor_days"),
            f"{spec.policy.floor_days} days of a lifetime of {lifetime} would renew in a loop; "
            f"at most {lifetime // 2} (half of it), or leave it out: the ratio follows the lifetime",
        )


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


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        msg = "must be a text of 1 to 200 characters"
        raise ValueError(msg)
    return value.strip()


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        msg = "must be 1 to 40 lower-case letters, digits and inner hyphens"
        raise ValueError(msg)
    return value


def _domain(value: Any) -> str:
    if not isinstance(value, str):
        msg = f"must be a domain name, not {type(value).__name__}"
        raise ValueError(msg)
    return normalised(value)


def _positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = "must be a whole number of 1 or more"
        raise ValueError(msg)
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = "must be a whole number of days, 0 or more"
        raise ValueError(msg)
    return value


def _ratio(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 0.5:
        msg = "must be a share of the lifetime between 0.1 and 0.5; more would renew in a loop"
        raise ValueError(msg)
    return float(value)


def _key_type(value: Any) -> KeyType:
    if not isinstance(value, str) or value not in {kind.value for kind in KeyType}:
        msg = f"must be one of {', '.join(KeyType)}"
        raise ValueError(msg)
    return KeyType(value)


def _store(value: Any) -> str:
    if value == S3 or (isinstance(value, str) and value.startswith("acm:") and _REGION.fullmatch(value[4:])):
        return str(value)
    msg = "must be s3 or acm:<region>, as in acm:eu-west-3"
    raise ValueError(msg)


def _email(value: Any) -> str:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        msg = "must be an e-mail address"
        raise ValueError(msg)
    return value


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        msg = "must be a day, as in 2028-12-31"
        raise ValueError(msg) from None


def _address(value: Any) -> str:
    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=True)
    except ValueError:
        msg = "must be one address as a /32, as in 192.0.2.10/32"
        raise ValueError(msg) from None
    if network.prefixlen != 32 or network.version != 4:
        msg = "must be one IPv4 address as a /32: a wider range lets others in"
        raise ValueError(msg)
    return str(network)
