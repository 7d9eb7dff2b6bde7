"""The state of each certificate, most urgent first, and the findings of a delegation: pure, from records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any

from renewal.domain.due import Decision, last_resort
from renewal.domain.forecast import renewal_due_at
from renewal.domain.order import ManagedCertificate, Replacement
from renewal.domain.orderable import decide_with
from renewal.domain.run_outcome import waits_for
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import dcv_of


class State(IntEnum):
    """The state of a certificate, most urgent first."""

    EXPIRED = 0
    NEAR_EXPIRY = 1
    """A tenth of its lifetime is left: renewal has failed for weeks."""
    FAILING = 2
    """Its last order failed and none has succeeded since, or SCM issued a certificate that was not stored."""
    MANDATE_ENDED = 3
    """It is due, and nothing is ordered because the mandate ended."""
    PENDING = 4
    """An order is open."""
    DUE = 5
    """The next run renews it."""
    NEW = 6
    """The next run orders it for the first time."""
    FINE = 7

    @property
    def label(self) -> str:
        """The state as it is printed: `near-expiry`."""
        return self.name.lower().replace("_", "-")


CLOSED = "ClosedByOperator"
"""The error that is stored with an order which the operator closed: it needs no attention any more."""
NEED_ATTENTION = frozenset({State.EXPIRED, State.NEAR_EXPIRY, State.FAILING, State.MANDATE_ENDED})


@dataclass(frozen=True, slots=True)
class CertificateState:
    """One certificate with its state at a given time."""

    certificate: ManagedCertificate
    decision: Decision
    state: State
    days_left: int | None
    """Whole days until the served certificate expires, negative when it has; None: nothing was ever stored."""
    renew_at: datetime | None = None
    """When the next renewal is due, by age or before a domain validation expires; None: nothing was ever stored."""
    mandate_ends: date | None = None
    """The mandate's last day, when the next order would be after it and is therefore not made; None otherwise."""
    waits_for: str = ""
    """What the open order waits for, as far as SCM or its certificate shows it."""

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return self.certificate.spec.path

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or the RAO must act."""
        return self.state in NEED_ATTENTION

    @property
    def urgency(self) -> tuple[Any, ...]:
        """Sort key: what needs attention first, then the nearest expiry."""
        return self.state, self.days_left is None, self.days_left or 0, self.path

    def next_step(self) -> str:
        """Return what happens next, as text."""
        order, held = self.certificate.order, self.certificate.hold_until
        if order is not None:
            number = f", SSL ID {order.ssl_id}" if order.ssl_id else ""
            number += f", stored in {', '.join(order.held_in)} only" if order.held_in else ""
            if order.trouble:
                return f"open order ({order.trouble}{number}): nothing is ordered until the operator acts"
            since = f"since {order.opened_at:%Y-%m-%d}"
            waits = f"; {self.waits_for}" if self.waits_for else ""
            return f"open order ({order.status.value}{number}, {since}): collected, not ordered again{waits}"
        if self.decision.held and held:
            return f"held until {held:%Y-%m-%d} after {last_error(self.certificate)}"
        if self.mandate_ends:
            return f"nothing: the mandate ends on {self.mandate_ends}, before its next order"
        if self.decision.causes:
            verb = "orders" if self.state is State.NEW else "renews"
            return f"the next run {verb} it ({', '.join(self.decision.causes)})"
        return f"renewed from {self.renew_at:%Y-%m-%d}{self._why_then()}" if self.renew_at else ""

    def _why_then(self) -> str:
        by_age = self.decision.renew_at
        is_forward = by_age is not None and self.renew_at is not None and self.renew_at < by_age
        return ", before a domain validation expires" if is_forward else ""


def last_error(certificate: ManagedCertificate) -> str:
    """Return the error that ended the last order, with its sentence when it is stored; empty: none."""
    return ": ".join(part for part in (certificate.last_error, certificate.last_error_text) if part)


def state_of(
    certificate: ManagedCertificate,
    now: datetime,
    *,
    inspection: Inspection | None = None,
    mandate_ends: date | None = None,
    replacements: Iterable[Replacement] = (),
) -> CertificateState:
    """Return the state of *certificate* at *now*, decided as the next run decides, with the last *inspection*."""
    decision = decide_with(certificate, inspection, now, replacements=replacements)
    validated_until = dcv_of(inspection.delegated, certificate.spec.names, now) if inspection else None
    renew_at = renewal_due_at(certificate, validated_until, now)
    ordered_on = (now if decision.causes or renew_at is None else renew_at).date()
    ends = mandate_ends if mandate_ends and mandate_ends < ordered_on else None
    served = certificate.served
    left = (served.not_after - now).days if served else None
    state = _state(certificate, decision, now, has_ended=ends is not None)
    waits = waits_for(certificate.order, now) if certificate.order else ""
    return CertificateState(certificate, decision, state, left, renew_at, ends, waits)


def record_state(
    record: DelegationRecord | None, certificate: ManagedCertificate, now: datetime, replacements: Iterable[Replacement]
) -> CertificateState:
    """Return the state of a certificate of the stored delegation *record*, None when that cannot be read."""
    return state_of(
        certificate,
        now,
        inspection=record.inspection if record else None,
        mandate_ends=record.delegation.mandate_ends if record else None,
        replacements=replacements,
    )


def _state(certificate: ManagedCertificate, decision: Decision, now: datetime, *, has_ended: bool) -> State:
    served = certificate.served
    if served and now >= served.not_after:
        return State.EXPIRED
    if served and now >= last_resort(served.not_before, served.not_after):
        return State.NEAR_EXPIRY
    if certificate.order is not None:
        return State.FAILING if certificate.order.trouble else State.PENDING
    if decision.held or (certificate.failures and certificate.last_error != CLOSED):
        return State.FAILING
    if has_ended and decision.causes:
        return State.MANDATE_ENDED
    if served is None:
        return State.NEW
    return State.DUE if decision.causes else State.FINE


def open_findings(record: DelegationRecord) -> tuple[Finding, ...]:
    """Return the findings of the delegation's last inspection, errors first, then by the day they are due."""
    return tuple(sorted(record.inspection.findings if record.inspection else (), key=finding_urgency))


def finding_urgency(finding: Finding) -> tuple[int, date]:
    """Sort key: errors first, then by the day on which they are due; without a day they are due now."""
    return {"error": 0, "warning": 1, "info": 2}[finding.severity], finding.due or date.min


def finding_line(delegation: str, finding: Finding) -> str:
    """Return one finding as a line: where, what, who, by when, and the menu path in SCM."""
    subject = "/".join(part for part in (delegation, finding.certificate) if part)
    who = "the RAO" if finding.actor == "rao" else "the operator"
    until = f" by {finding.due}" if finding.due else ""
    screen = f"; SCM: {finding.screen}" if finding.screen else ""
    kind = f"security, {finding.code}" if finding.is_security else finding.code
    return f"{subject}: {finding.text} ({kind}; for {who}{until}{screen})"
