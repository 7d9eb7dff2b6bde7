"""What `apply` changes in the order book, and which files cannot be applied: pure, from files and records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import itemgetter
from typing import Any, Literal

from certmandate.files.spec_writer import EstateChange
from certmandate.files.specification import Specification
from certmandate.files.yaml_document import FileFault, YamlDocument
from renewal.domain.delegation import CertificatePath, CertificateSpec, Delegation
from renewal.domain.errors import FieldRefused, RecordUnreadable, RenewalError, StoreUnavailable
from renewal.domain.order import ManagedCertificate
from renewal.domain.orderable import require_custom_fields
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.ports.stores import ArnUse, StoredInAcm

Kind = Literal["create", "change", "remove", "keep"]
Loaded = Sequence[tuple[Specification, YamlDocument]]

_IDENTITY = {"delegation", "name"}  # the key of a record; it does not change


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: its value in the order book, and in the file."""

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


@dataclass(frozen=True, slots=True)
class Stored:
    """What the order book has now."""

    delegations: Mapping[str, DelegationRecord]
    certificates: Mapping[str, ManagedCertificate]
    """By `delegation/certificate`."""
    unreadable: tuple[RecordUnreadable, ...] = ()

    def by_delegation(self) -> list[tuple[DelegationRecord, list[ManagedCertificate]]]:
        """Return each delegation with its certificates, by name."""
        certificates: dict[str, list[ManagedCertificate]] = {name: [] for name in sorted(self.delegations)}
        for certificate in self.certificates.values():
            certificates.setdefault(certificate.spec.delegation, []).append(certificate)
        return [(self.delegations[name], certificates[name]) for name in sorted(self.delegations)]

    @property
    def damaged(self) -> frozenset[str]:
        """The delegations and `delegation/certificate` paths that cannot be read."""
        return frozenset(error.path for error in self.unreadable)

    @property
    def complete(self) -> tuple[ManagedCertificate, ...]:
        """Every certificate; none where anything cannot be read."""
        return () if self.unreadable else tuple(self.certificates.values())


def changes(loaded: Loaded, stored: Stored) -> list[Change]:
    """Return everything that the files change, in the order of the files; what only `--prune` removes comes last."""
    differing: list[Change] = []
    for specification, _ in loaded:
        delegation = specification.delegation
        record = stored.delegations.get(delegation.name)
        if delegation.name in stored.damaged:
            differing.append(Change("change", delegation.name))  # the file has all that its item must have
        else:
            differing.append(_change(delegation.name, record.delegation if record else None, delegation))
        for spec in specification.certificates:
            certificate = stored.certificates.get(spec.path)
            if spec.path not in stored.damaged:
                differing.append(_change(spec.path, certificate.spec if certificate else None, spec))
    return differing + _removals(loaded, stored)


def _change(path: str, before: Delegation | CertificateSpec | None, after: Delegation | CertificateSpec) -> Change:
    if before is None:
        return Change("create", path)
    differences = tuple(
        Difference(name, _text(getattr(before, name)), _text(getattr(after, name)))
        for name in (field.name for field in fields(after))
        if name not in _IDENTITY and getattr(before, name) != getattr(after, name)
    )
    return Change("change" if differences else "keep", path, differences)


def _removals(loaded: Loaded, stored: Stored) -> list[Change]:
    kept = {specification.delegation.name for specification, _ in loaded}
    kept |= {spec.path for specification, _ in loaded for spec in specification.certificates}
    kept |= {error.delegation for error in stored.unreadable}  # an order that cannot be read may be open
    removed = {*stored.delegations, *stored.certificates} - kept
    return [Change("remove", path) for path in sorted(removed)]


def estate_change(loaded: Loaded, to_do: Iterable[Change], *, all_again: bool = False) -> EstateChange:
    """Return what is to be written and removed for *to_do*.

    *all_again*: every delegation is written, so that one gets back what an interrupted removal has kept of it.
    """
    kinds = {change.path: change.kind for change in to_do}
    removed = [path for path, kind in kinds.items() if kind == "remove"]
    everything = EstateChange.of(*map(itemgetter(0), loaded))
    return EstateChange(
        delegations=tuple(delegation for delegation in everything.delegations if all_again or delegation.name in kinds),
        certificates=tuple(spec for spec in everything.certificates if spec.path in kinds),
        removed=tuple(CertificatePath.parse(path) for path in removed if "/" in path),
        removed_delegations=tuple(path for path in removed if "/" not in path),
    )


def _text(value: Any) -> str:
    if value is None or value in ("", (), {}):
        return "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    if hasattr(value, "floor_days"):
        return f"ratio {value.ratio:.2g}, floor {value.floor_days} days"
    return str(value)


# ---- Faults and warnings --------------------------------------------------------------------------------------------


def faults(
    loaded: Loaded, stored: Stored, regions: Collection[str], retired: Mapping[str, date], account: str
) -> Iterator[FileFault]:
    """Yield the faults that show only across the files and the order book.

    *regions*: those that have ACM. *retired*: retired delegations, with the day. *account*: the stack's.
    """
    owners = arn_owners(
        stored.certificates.values(), [spec for specification, _ in loaded for spec in specification.certificates]
    )
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
                if fault := arn_fault(arn, spec.path, owners, account):
                    yield document.fault((*place, "arns", region), fault)


def arn_owners(certificates: Iterable[ManagedCertificate], specs: Iterable[CertificateSpec] = ()) -> Mapping[str, str]:
    """Return who has a certificate under, or imports into, each ARN: ARN to `delegation/certificate`.

    What is stored, or being imported, comes before what is only named. *specs*: of files, in place of the stored ones.
    """
    certificates = tuple(certificates)
    named = {spec.path: spec for spec in (*(each.spec for each in certificates), *specs)}
    owners: dict[str, str] = {}
    for certificate in certificates:
        held = (part.arns for part in (certificate.stored, certificate.order) if part)
        owners |= {arn: certificate.spec.path for arns in held for arn in arns.values()}
    for path, spec in named.items():
        for arn in spec.arns.values():
            owners.setdefault(arn, path)
    return owners


def arns_of(certificate: ManagedCertificate) -> tuple[str, ...]:
    """Return each ARN under which ACM has, or had, a certificate of it, also those that no renewal imports into."""
    stored = certificate.stored
    return tuple(dict.fromkeys((*stored.arns.values(), *stored.former_arns))) if stored else ()


def unwatched_uses(certificates: Iterable[ManagedCertificate], acm: StoredInAcm) -> Iterator[str]:
    """Yield what uses each ARN of *certificates*, which no inspection will watch, or that it is not known.

    A region that does not answer is not waited for again.
    """
    silent: dict[str, StoreUnavailable] = {}
    for path, arn in ((certificate.spec.path, arn) for certificate in certificates for arn in arns_of(certificate)):
        region = arn.split(":")[3]
        found = silent.get(region) or _use(acm, region, arn)
        if isinstance(found, StoreUnavailable):
            silent[region] = found
        if isinstance(found, RenewalError):
            yield f"{path}: whether {arn} is in use is not known: {found}"
        elif found:
            until = f" until {found.expires}" if found.expires else ""
            yield f"{path}: {some(found.by)} uses {arn}, whose certificate is valid{until}"


def _use(acm: StoredInAcm, region: str, arn: str) -> ArnUse | RenewalError | None:
    try:
        return acm.use(region, arn)
    except RenewalError as error:
        return error


def arn_fault(arn: str, path: str, owners: Mapping[str, str], account: str) -> str:
    """Return why the certificate *path* must not be imported into *arn*; empty: no reason is known."""
    if (other := arn.split(":")[4]) != account:
        return f"{arn} is of account {other}, and the stack is in {account}: it can import only there"
    if (owner := owners.get(arn, path)) != path:
        return f"{owner} has its certificate under this ARN, or imports into it: use one ARN for each certificate"
    return ""


def _region_faults(
    spec: CertificateSpec, document: YamlDocument, place: tuple[str | int, ...], regions: Collection[str]
) -> Iterator[FileFault]:
    for index, store in enumerate(spec.stores):
        region = store.removeprefix("acm:")
        if store.startswith("acm:") and regions and region not in regions:
            near = [name for name in sorted(regions) if name.split("-")[0] == region.split("-")[0]]
            known = f"; similar: {', '.join(near)}" if near else ""
            yield document.fault((*place, "stores", index), f"ACM has no region '{region}'{known}")


def _key_faults(
    spec: CertificateSpec,
    certificate: ManagedCertificate | None,
    document: YamlDocument,
    place: tuple[str | int, ...],
) -> Iterator[FileFault]:
    """ACM never changes the key type of an ARN: the certificate of every order would be refused."""
    stored = certificate.stored if certificate else None
    if stored is None or stored.key_type is spec.key_type:
        return
    for region, arn in spec.arns.items():
        if stored.arns.get(region) == arn:
            text = (
                f"{arn} has a key of type {stored.key_type}, and ACM never changes the key type of an ARN: remove the "
                f"ARN from `arns`, so that {spec.key_type} gets a new ARN, or keep {stored.key_type}"
            )
            yield document.fault((*place, "key"), text)


def warnings(loaded: Loaded, stored: Stored, today: date) -> Iterator[str]:
    """Yield what can be applied and is probably a mistake, and what cannot be applied because it is damaged."""
    yield from (f"{error.path} is left as it is: {error}" for error in stored.unreadable if error.certificate)
    yield from _shared_names(loaded)
    departments: dict[int, str] = {}
    for specification, _ in loaded:
        delegation = specification.delegation
        if delegation.mandate_ends and delegation.mandate_ends < today:
            yield f"{delegation.name}: the mandate ended on {delegation.mandate_ends}; nothing is ordered for it"
        first = departments.setdefault(delegation.department_id, delegation.name)
        if first != delegation.name:
            yield (
                f"{delegation.name} and {first} have the same department_id {delegation.department_id}: each will "
                "report the orders of the other as OrderNotOurs"
            )
        for spec in specification.certificates:
            yield from _new_arns(spec, stored.certificates.get(spec.path))
        record = stored.delegations.get(delegation.name)
        if record and record.inspection:
            yield from _field_warnings(specification, record.inspection)
            for spec in specification.certificates:
                yield from _profile_warnings(spec, record.inspection)


def _shared_names(loaded: Loaded) -> Iterator[str]:
    """Yield each pair of certificates of two delegations that have names in common."""
    specs = [spec for specification, _ in loaded for spec in specification.certificates]
    first: dict[str, CertificateSpec] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for spec in specs:
        for name in spec.names:
            owner = first.setdefault(name, spec)
            if owner.delegation != spec.delegation:
                shared.setdefault((owner.path, spec.path), []).append(name)
    for (former, later), names in shared.items():
        yield f"{former} and {later} both have {some(names)}: both are ordered, and a server presents only one of them"


def _new_arns(spec: CertificateSpec, certificate: ManagedCertificate | None) -> Iterator[str]:
    """Yield a change of the key type, for which ACM needs a new ARN: it never changes that of an ARN."""
    held = certificate.stored if certificate else None
    if held is None or held.key_type is spec.key_type:
        return
    if regions := sorted(set(held.arns) & set(spec.acm_regions) - set(spec.arns)):
        yield (
            f"{spec.path}: the key type changes from {held.key_type} to {spec.key_type}, so the next certificate is "
            f"imported under a new ARN in {', '.join(regions)}; associate it then where the old one is in use"
        )


def renamed_certificates(loaded: Loaded, stored: Stored) -> Iterator[str]:
    """Yield each new certificate with the names of one that no file has any more: unless it is removed, it stays."""
    in_files = {spec.path for specification, _ in loaded for spec in specification.certificates}
    staying = {
        (each.spec.delegation, frozenset(each.spec.names)): each.spec
        for path, each in stored.certificates.items()
        if path not in in_files
    }
    for specification, _ in loaded:
        for spec in specification.certificates:
            old = staying.get((spec.delegation, frozenset(spec.names)))
            if old and spec.path not in stored.certificates:
                yield (
                    f"{spec.path} has the names of {old.path}, which stays in the order book: both would be ordered. "
                    f"Keep the name '{old.name}', or apply with --prune"
                )


def _field_warnings(specification: Specification, inspection: Inspection) -> Iterator[str]:
    """Most often all certificates lack the same field: one warning for each fault."""
    affected: dict[str, list[str]] = {}
    for spec in specification.certificates:
        try:
            require_custom_fields(spec.custom_fields, inspection.custom_fields)
        except FieldRefused as error:
            affected.setdefault(str(error), []).append(spec.path)
    for text, (first, *others) in affected.items():
        yield f"{first}{f' and {len(others)} more' if others else ''}: on {inspection.at:%Y-%m-%d} {text}"


def _profile_warnings(spec: CertificateSpec, inspection: Inspection) -> Iterator[str]:
    if not inspection.profiles:
        return
    profile = next((each for each in inspection.profiles if each.profile_id == spec.profile_id), None)
    if profile is None:
        offered = ", ".join(f"{each.profile_id} ({each.name})" for each in inspection.profiles)
        had = f"the department had no profile {spec.profile_id}; it had {offered}"
        yield f"{spec.path}: on {inspection.at:%Y-%m-%d} {had}"
    elif profile.key_types and spec.key_type.size not in profile.key_types.get(spec.key_type.algorithm, ()):
        yield f"{spec.path}: on {inspection.at:%Y-%m-%d} profile {spec.profile_id} did not accept {spec.key_type} keys"
