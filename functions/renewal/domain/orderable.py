"""Decisions that depend on an inspection: what is due, and which refusals of an order can be foreseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from renewal.domain.calendar import phase_at
from renewal.domain.delegation import CustomField, profile_of
from renewal.domain.due import Cause, Decision, decide
from renewal.domain.errors import FieldRefused, NeedsAttention
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.finding import Finding, finding_from
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import dcv_of
from renewal.domain.setup.unrecorded import require_recorded

FOUND_BY_INSPECTION = (Cause.REVOKED, Cause.REPLACED_IN_SCM, Cause.DCV_LAPSING)
"""Causes that only SCM's answers show, so that the plan of a run cannot have them."""


def decide_with_inspection(
    certificate: ManagedCertificate,
    inspection: Inspection | None,
    now: datetime,
    *,
    replacements: Iterable[ReplacementRule] = (),
) -> Decision:
    """Decide whether *certificate* is due, given the last inspection; the other arguments are those of `decide`."""
    return decide(
        certificate,
        now,
        withdrawn=inspection.withdrawn if inspection else {},
        replacements=replacements,
        dcv_expires=dcv_of(inspection.delegated, certificate.spec.names, now) if inspection else None,
    )


def require_orderable(
    certificate: ManagedCertificate, record: DelegationRecord, inspection: Inspection, now: datetime
) -> int:
    """Return the term to ask for, in days.

    Raises NameNotDelegated, FieldRefused, ProfileRefused, KeyRefused or TermRefused: refusals that can be foreseen.
    """
    spec = certificate.spec
    record.delegation.require_delegated(spec.names)
    require_custom_fields(spec.custom_fields, inspection.custom_fields)
    profile = profile_of(spec, inspection.profiles)
    profile.require_key_type(spec.key_type)
    return profile.term_for(spec.term_days, phase_at(now).term_days)


def foreseen_refusals(
    certificates: Iterable[ManagedCertificate], record: DelegationRecord, inspection: Inspection
) -> Iterator[Finding]:
    """Yield what would refuse the next order of each certificate, found before one is spent."""
    for certificate in certificates:
        try:
            require_recorded(certificate, inspection.unrecorded)
            require_orderable(certificate, record, inspection, inspection.at)
        except NeedsAttention as error:
            yield finding_from(error, certificate.spec.name)


def require_custom_fields(given: Mapping[str, str], defined: Sequence[CustomField] | None) -> None:
    """Raise FieldRefused when *given* lacks a mandatory field, or has one that SCM does not define.

    *defined*: the fields that SCM defines; None = not known, so nothing is refused.
    """
    if defined is None:
        return
    known = [field.name for field in defined]
    missing = [field.name for field in defined if field.is_mandatory and field.name not in given]
    faults = []
    if missing:
        line = ", ".join(f'"{name}": "…"' for name in missing)
        faults.append(
            f"SCM requires the custom field {_quoted(missing)}: write `custom_fields: {{{line}}}` in the delegation "
            "file, with the value that the RAO gives"
        )
    if unknown := [name for name in given if name not in known]:
        faults.append(
            f"SCM has no custom field {_quoted(unknown)}; it has {_quoted(known) or 'none'}: correct custom_fields in "
            "the delegation file"
        )
    if faults:
        raise FieldRefused("; ".join(faults))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
