"""Decisions that depend on an inspection: what is due, and which refusals of an order can be foreseen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from renewal.domain.calendar import phase_at
from renewal.domain.delegation import profile_of
from renewal.domain.due import Cause, Decision, decide
from renewal.domain.order import ManagedCertificate, Replacement
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import dcv_of

FOUND_BY_INSPECTION = (Cause.REVOKED, Cause.DCV_LAPSING)
"""Causes that only SCM knows, so that the plan of a run cannot have them."""


def decide_with(
    certificate: ManagedCertificate,
    inspection: Inspection | None,
    now: datetime,
    *,
    replacements: Iterable[Replacement] = (),
    forced: bool = False,
) -> Decision:
    """Decide whether *certificate* is due, given the last inspection; the other arguments are those of `decide`."""
    return decide(
        certificate,
        now,
        revoked=inspection.revoked if inspection else (),
        replacements=replacements,
        forced=forced,
        dcv_expires=dcv_of(inspection.delegated, certificate.spec.names) if inspection else None,
    )


def require_orderable(
    certificate: ManagedCertificate, record: DelegationRecord, inspection: Inspection, now: datetime
) -> int:
    """Return the term to ask for, in days.

    Raises NameNotDelegated, ProfileRefused, KeyRefused or TermRefused: refusals that can be foreseen.
    """
    spec = certificate.spec
    record.delegation.require_delegated(spec.names)
    profile = profile_of(spec, inspection.profiles)
    profile.require_key_type(spec.key_type)
    return profile.term_for(spec.term_days, phase_at(now).term_days)
