"""What `apply` would change in the order book, and what cannot work: pure, from files and records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Literal

from certmandate.files.yaml_document import FileFault, YamlDocument
from renewal.adapters.order_book.changes import EstateChange
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.specification import Specification

Kind = Literal["create", "change", "remove", "keep"]
Loaded = Sequence[tuple[Specification, YamlDocument]]

_IDENTITY = {"delegation", "name"}  # by these a record is found; they do not change


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: what the order book has, and what the file says."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What `apply` does with one delegation or certificate."""

    kind: Kind
    path: str
    """`delegation` or `delegation/certificate`."""
    differences: tuple[Difference, ...] = ()
    only_with_prune: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What the order book has now."""

    delegations: Mapping[str, DelegationRecord]
    certificates: Mapping[str, ManagedCertificate]
    """By `delegation/certificate`."""


def changes(loaded: Loaded, stored: Stored) -> list[Change]:
    """Return everything that the files change, in the order of the files; what only `--prune` removes comes last."""
    found: list[Change] = []
    for specification, _ in loaded:
        delegation = specification.delegation
        record = stored.delegations.get(delegation.name)
        found.append(_change(delegation.name, record.delegation if record else None, delegation))
        for spec in specification.certificates:
            certificate = stored.certificates.get(spec.path)
            found.append(_change(spec.path, certificate.spec if certificate else None, spec))
    return found + _removals(loaded, stored)


def _change(path: str, before: Delegation | CertificateSpec | None, after: Delegation | CertificateSpec) -> Change:
    if before is None:
        return Change("create", path)
    differences = tuple(
        Difference(one.name, _told(getattr(before, one.name)), _told(getattr(after, one.name)))
        for one in fields(after)
        if one.name not in _IDENTITY and getattr(before, one.name) != getattr(after, one.name)
    )
    return Change("change" if differences else "keep", path, differences)


def _removals(loaded: Loaded, stored: Stored) -> list[Change]:
    wanted = {one.delegation.name for one, _ in loaded}
    specs = {spec.path for one, _ in loaded for spec in one.certificates}
    gone = [name for name in stored.delegations if name not in wanted]
    gone += [path for path in stored.certificates if path not in specs]
    return [Change("remove", path, only_with_prune=True) for path in sorted(gone)]


def estate_change(loaded: Loaded, found: Iterable[Change], *, prune: bool) -> EstateChange:
    """Return what is to be written for *found*."""
    paths = {one.path for one in found if one.kind in {"create", "change"}}
    removed = [one.path for one in found if one.kind == "remove"] if prune else []
    return EstateChange(
        delegations=tuple(one.delegation for one, _ in loaded if one.delegation.name in paths),
        certificates=tuple(spec for one, _ in loaded for spec in one.certificates if spec.path in paths),
        removed=tuple((path.split("/")[0], path.split("/")[1]) for path in removed if "/" in path),
        removed_delegations=tuple(path for path in removed if "/" not in path),
    )


def _told(value: Any) -> str:
    if value is None or value in ("", (), {}):
        return "none"
    if isinstance(value, tuple | list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    if hasattr(value, "floor_days"):
        return f"ratio {value.ratio:.2g}, floor {value.floor_days} days"
    return str(value)


# ---- What cannot work ----------------------------------------------------------------------------------------------


def faults(
    loaded: Loaded, stored: Stored, regions: Collection[str], retired: Mapping[str, date]
) -> Iterator[FileFault]:
    """Yield what only all files and the order book together show to be impossible.

    *regions*: those that have ACM. *retired*: delegations that were ended, with the day.
    """
    arns: dict[str, str] = {}
    for specification, document in loaded:
        name = specification.delegation.name
        if name in retired:
            text = f"'{name}' was retired on {retired[name]}; delete this file, or `certmandate retire {name} --undo`"
            yield document.fault(("delegation",), text)
        for index, spec in enumerate(specification.certificates):
            place = ("certificates", index)
            yield from _region_faults(spec, document, place, regions)
            yield from _key_faults(spec, stored.certificates.get(spec.path), document, place)
            for region, arn in spec.arns.items():
                if arns.setdefault(arn, spec.path) != spec.path:
                    text = f"{arns[arn]} imports into this ARN too: each would overwrite the other"
                    yield document.fault((*place, "arns", region), text)


def _region_faults(
    spec: CertificateSpec, document: YamlDocument, place: tuple[str | int, ...], regions: Collection[str]
) -> Iterator[FileFault]:
    for index, store in enumerate(spec.stores):
        region = store.removeprefix("acm:")
        if store.startswith("acm:") and regions and region not in regions:
            near = [one for one in sorted(regions) if one.split("-")[0] == region.split("-")[0]]
            known = f"; near it are {', '.join(near)}" if near else ""
            yield document.fault((*place, "stores", index), f"ACM is in no region '{region}'{known}")


def _key_faults(
    spec: CertificateSpec,
    certificate: ManagedCertificate | None,
    document: YamlDocument,
    place: tuple[str | int, ...],
) -> Iterator[FileFault]:
    """ACM never changes the key type of an ARN: every order would be spent in vain."""
    served = certificate.served if certificate else None
    if served is None or served.key_type is spec.key_type:
        return
    for region, arn in spec.arns.items():
        if served.arns.get(region) == arn:
            text = (
                f"{arn} holds a {served.key_type} key, and ACM never changes the key type of an ARN: take the ARN out "
                f"of `arns`, so that {spec.key_type} gets a new one, or keep {served.key_type}"
            )
            yield document.fault((*place, "key"), text)


def warnings(loaded: Loaded, stored: Stored, today: date) -> Iterator[str]:
    """Yield what can be applied and is most likely not meant."""
    departments: dict[int, str] = {}
    for specification, _ in loaded:
        delegation = specification.delegation
        if delegation.mandate_ends and delegation.mandate_ends < today:
            yield f"{delegation.name}: the mandate ended on {delegation.mandate_ends}; nothing is ordered for it"
        first = departments.setdefault(delegation.department_id, delegation.name)
        if first != delegation.name:
            yield f"{delegation.name} and {first} have the same department_id {delegation.department_id}"
        record = stored.delegations.get(delegation.name)
        for spec in specification.certificates:
            yield from _profile_warnings(spec, record)


def _profile_warnings(spec: CertificateSpec, record: DelegationRecord | None) -> Iterator[str]:
    inspection = record.inspection if record else None
    if inspection is None or not inspection.profiles:
        return
    profile = next((one for one in inspection.profiles if one.profile_id == spec.profile_id), None)
    if profile is None:
        offered = ", ".join(f"{one.profile_id} ({one.name})" for one in inspection.profiles)
        had = f"the department had no profile {spec.profile_id}; it had {offered}"
        yield f"{spec.path}: on {inspection.at:%Y-%m-%d} {had}"
    elif profile.key_types and spec.key_type.size not in profile.key_types.get(spec.key_type.algorithm, ()):
        yield f"{spec.path}: on {inspection.at:%Y-%m-%d} profile {spec.profile_id} took no {spec.key_type} keys"
