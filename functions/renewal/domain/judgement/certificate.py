"""The judgement of a certificate: its state, what happens next, and who must act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from renewal.domain.due import Cause, Decision, last_resort
from renewal.domain.endpoint.observation import ServiceState
from renewal.domain.errors import (
    Actor,
    Failure,
    MandateEnded,
    OrderPending,
    OrderRejected,
    RecordUnreadable,
    TooManyDue,
    error_named,
)
from renewal.domain.forecast import NextRenewal
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.judgement.command import command_for
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.obstacle import is_shut_out, obstacle
from renewal.domain.judgement.order_wait import awaits_approval, failure_text, held_failure, waits_for
from renewal.domain.judgement.problem import OUTAGES, Problem
from renewal.domain.limits import NOTHING_LEFT_OUT, LeftOut
from renewal.domain.order import CLOSED, ManagedCertificate, Order, OrderStatus
from renewal.domain.orderable import decide_with_inspection
from renewal.domain.replacement_rule import ReplacementRule, deadline_of
from renewal.domain.service.state import service_state
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.finding import Finding, Severity, finding_from
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.scm_menu import screen_of
from renewal.domain.setup.withdrawal import WITHDRAWN

OVERDUE = "RenewalOverdue"
"""Code: it is due, nothing is known to stop it, and less life is left than acting takes."""
_BY_CALENDAR = {Cause.AGE, Cause.DCV_LAPSING}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One certificate as it is at a given time."""

    certificate: ManagedCertificate
    decision: Decision
    state: CertificateState
    days_left: int | None
    """Whole days until the stored certificate expires, negative when it has; None: nothing was ever stored."""
    renew_at: datetime | None
    """When the next renewal is due, by age or before a domain validation expires; None: nothing was ever stored."""
    mandate_ends: date | None
    """The mandate's last day, when the next order would be after it and is therefore not made; None otherwise."""
    waits_for: str
    """What the open order waits for, as far as SCM or its certificate shows it."""
    obstacle: Finding | None
    """Why an order would be refused now; None: nothing is known."""
    problems: tuple[Problem, ...]
    """What must be done about it, most urgent first; two when an outage comes on top of an error."""
    service: ServiceState
    """Whether clients meet it at its declared endpoints."""
    can_wait: bool
    """Whether an outage of SCM or AWS needs no attention: no change waits, and more life is left than acting takes."""
    deadline: date | None
    """When the CA revokes what is stored, as a replacement rule has it: each run orders it. None: no rule does."""
    limit: str
    """The limit because of which the next daily run defers it, for example `OrdersPerRun=500`; empty: none."""

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return self.certificate.spec.path

    @property
    def problem(self) -> Problem | None:
        """The most urgent of `problems`; None: nothing must be done."""
        return next(iter(self.problems), None)

    @property
    def last_failure(self) -> Problem | None:
        """Why the last attempt failed, where the order book or the last run has it; None: it is not known to have."""
        is_other = self.problem is None or self.problem.code in {OVERDUE, OrderPending.__name__, *WITHDRAWN.values()}
        return None if is_other else self.problem

    @property
    def severity(self) -> Literal["", "info", "warning", "error"]:
        """Of the problem; empty when there is none."""
        return self.problem.severity if self.problem else ""

    @property
    def is_left_out(self) -> bool:
        """Whether the plan of the next daily run leaves it out although it is due."""
        return bool(self.limit) or (self.obstacle is not None and self.obstacle.code == TooManyDue.__name__)

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or the RAO must act now."""
        return self.severity == "error"

    @property
    def urgency(self) -> tuple[Any, ...]:
        """Sort key: what needs attention first, then by state, then the nearest expiry."""
        return not self.needs_attention, self.state, self.days_left is None, self.days_left or 0, self.path


def judge(
    certificate: ManagedCertificate,
    record: DelegationRecord | None,
    now: datetime,
    times: ActingTimes,
    *,
    replacements: Iterable[ReplacementRule] = (),
    failure: Failure | None = None,
    left_out: LeftOut = NOTHING_LEFT_OUT,
) -> Judgement:
    """Return the judgement of *certificate* at *now*, decided as the next run decides.

    *record*: its delegation with the last inspection; None when it cannot be read. *failure*: the error with which the
    last run that worked on the certificate ended, where the order book does not have it. *left_out*: by the plan of the
    next daily run.
    """
    inspection, rules = record.inspection if record else None, tuple(replacements)
    decision = decide_with_inspection(certificate, inspection, now, replacements=rules)
    renewal = NextRenewal.of(certificate, record, now)
    ordered_on = now.date() if decision.causes else renewal.ordered_by or now.date()
    ends = renewal.mandate_ends if renewal.mandate_ends and renewal.mandate_ends < ordered_on else None
    stored, order = certificate.stored, certificate.order
    alone = replace(certificate, order=None)
    wanted = decide_with_inspection(alone, inspection, now, replacements=rules) if order else decision
    causes = frozenset[str]((*wanted.causes, *(order.causes if order else ())))
    blocked = _obstacle(certificate, record, now, NOTHING_LEFT_OUT if failure else left_out)
    withdrawn = inspection.withdrawn.get(stored.serial) if inspection and stored else None
    unknown = _unless_known(failure, blocked, is_ended=ends is not None)
    is_past = inspection is not None and inspection.supersedes(certificate.last_error, certificate.failed_at)
    until = deadline_of(certificate, rules)
    case = _Case(certificate, decision, causes, now, times, unknown, blocked, withdrawn, ends, is_past, until)
    return Judgement(
        certificate=certificate,
        decision=decision,
        state=case.state(),
        days_left=whole_days(stored.not_after - now) if stored else None,
        renew_at=renewal.at,
        mandate_ends=ends,
        waits_for=waits_for(order, now) if order else "",
        obstacle=blocked,
        problems=case.problems(),
        service=service_state(certificate, now),
        can_wait=case.can_wait,
        deadline=until,
        limit=left_out.deferred.get(certificate.spec.path, ""),
    )


def _unless_known(failure: Failure | None, blocked: Finding | None, *, is_ended: bool) -> Failure | None:
    """Return the failure of a run, unless the order book has its cause too."""
    known = {blocked.code if blocked else "", MandateEnded.__name__ if is_ended else ""}
    return None if failure is None or failure.error in known else failure


def _obstacle(
    certificate: ManagedCertificate, record: DelegationRecord | None, now: datetime, left_out: LeftOut
) -> Finding | None:
    """Return why an order would be refused now: by SCM, or by the plan of a run; None: nothing is known."""
    refusal = left_out.refused.get(certificate.spec.path)
    by_plan = finding_from(refusal, certificate.spec.name) if refusal else None
    return (obstacle(certificate, record, now) if record else _unreadable(certificate)) or by_plan


def _unreadable(certificate: ManagedCertificate) -> Finding:
    text = f"the record of delegation {certificate.spec.delegation} cannot be read"
    return Finding(RecordUnreadable.__name__, "error", "operator", text)


def whole_days(span: timedelta) -> int:
    """Return the whole days of *span*, rounded towards zero: `timedelta.days` rounds down."""
    return int(span / timedelta(days=1))


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of a certificate."""

    certificate: ManagedCertificate
    decision: Decision
    causes: frozenset[str]
    """Why its order was opened, and why it is due apart from that."""
    now: datetime
    times: ActingTimes
    failure: Failure | None
    obstacle: Finding | None
    withdrawn: Cause | None
    ends: date | None
    """The mandate's last day, when it is before the next order."""
    is_past: bool
    """Whether a later inspection shows the cause of the failed order, or that it has ended."""
    deadline: date | None
    """See `Judgement.deadline`."""

    @property
    def has_failed(self) -> bool:
        """Whether the last order failed, and nothing newer is known."""
        return bool(self.certificate.failures) and self.certificate.last_error != CLOSED and not self.is_past

    @property
    def is_due(self) -> bool:
        return bool(self.decision.causes)

    @property
    def can_wait(self) -> bool:
        """Whether it is renewed for its age only, if at all, and more life is left than acting takes."""
        is_ordinary = self.causes <= _BY_CALENDAR
        return self.certificate.stored is not None and is_ordinary and not self._is_late("operator")

    def state(self) -> CertificateState:
        stored, order = self.certificate.stored, self.certificate.order
        if stored and self.now >= stored.not_after:
            return CertificateState.EXPIRED
        if self.withdrawn is Cause.REVOKED:
            return CertificateState.REVOKED
        if stored and self.now >= last_resort(stored.not_before, stored.not_after):
            return CertificateState.NEAR_EXPIRY
        if self.failure or (order and order.storing_error) or self.decision.is_held:
            return CertificateState.FAILING
        if order is not None:
            return CertificateState.PENDING
        return self._without_order()

    def _without_order(self) -> CertificateState:
        if self.has_failed:
            return CertificateState.FAILING
        if self.is_due and (self.ends or self.obstacle):
            return CertificateState.MANDATE_ENDED if self.ends else CertificateState.BLOCKED
        if self.certificate.stored is None:
            return CertificateState.NEW
        return CertificateState.DUE if self.is_due else CertificateState.FINE

    def problems(self) -> tuple[Problem, ...]:
        """Return what must be done, most urgent first: an outage ends by itself, and hides no error that does not."""
        known = self._without_failure()
        if self.failure is None:
            return (known,) if known else ()
        is_outage = self.failure.error in OUTAGES
        is_early = is_outage and self.can_wait
        failed = self._made(self.failure.error, self.failure.text, "warning" if is_early else "error")
        if not is_outage or known is None or known.severity != "error" or known.code == OVERDUE:
            return (failed,)
        return (known, failed) if is_early else (failed, known)

    def _without_failure(self) -> Problem | None:
        """Return what must be done as far as the order book shows it, by the nearest cause."""
        order = self.certificate.order
        if order is not None and self.obstacle and not order.storing_error and is_shut_out(self.obstacle, order):
            return self._now(self.obstacle.code, self.obstacle.text, self.obstacle.actor)
        if order is not None:
            return self._of_order(order)
        if self.decision.is_held or self.has_failed:
            return self._of_failed_order()
        if self.is_due and self.ends:
            text = f"no order is placed after the mandate's last day, {self.ends}"
            return self._now(MandateEnded.__name__, text)
        if self.is_due and self.obstacle:
            return self._now(self.obstacle.code, self.obstacle.text, self.obstacle.actor)
        if self.withdrawn:
            return self._now(WITHDRAWN[self.withdrawn], f"SCM reports the stored certificate as {self.withdrawn}")
        is_overdue = self.is_due and self._is_late("operator")
        return self._now(OVERDUE, "it is due and was not renewed in time") if is_overdue else None

    def _of_order(self, order: Order) -> Problem:
        if order.storing_error:
            return self._now(order.storing_error, "the issued certificate was not stored")
        awaits = awaits_approval(order)
        actor: Actor = "rao" if awaits else "operator"
        why = f" ({order.reason})" if order.reason else ""
        number = f" SSL ID {order.ssl_id}" if order.ssl_id else ""
        which = f"order{number}{why} of {order.opened_at:%Y-%m-%d} for {some(order.names)}"
        missing = "issued" if order.ssl_id else "confirmed"
        text = f"{which}: {waits_for(order, self.now) or f'SCM has not {missing} it yet'}"
        early: Severity = "warning" if awaits else "info"
        severity = "error" if self._is_late(actor, order) else early
        return self._made(OrderPending.__name__, text, severity, actor)

    def _of_failed_order(self) -> Problem:
        certificate = self.certificate
        code = certificate.last_error or OrderRejected.__name__
        text = held_failure(certificate).text if self.decision.is_held else failure_text(certificate)
        is_urgent = self.is_due or self._is_late(error_named(code).actor)
        return self._made(code, text, "error" if is_urgent else "warning")

    def _is_late(self, actor: Actor, order: Order | None = None) -> bool:
        """Whether less life is left than acting takes; of a first *order*, whether it waits for longer than that."""
        stored, today = self.certificate.stored, self.now.date()
        if stored is None:
            # What is issued waits only until it is valid, or for a store, which a run reports itself.
            if order is None or order.status is OrderStatus.ISSUED:
                return False
            return self.times.last_day(actor, today) >= order.opened_at.date()
        is_last = self.now >= last_resort(stored.not_before, stored.not_after)
        # The operator watches the rule as a whole: `replace status` and its alarm have the estimate.
        ends = self.deadline if self.deadline and actor == "rao" else stored.not_after.date()
        return is_last or self.withdrawn is not None or today >= self.times.last_day(actor, ends)

    def _now(self, code: str, text: str, actor: Actor | None = None) -> Problem:
        """Return a problem that needs attention, whatever life is left."""
        return self._made(code, text, "error", actor)

    def _made(self, code: str, text: str, severity: Severity, actor: Actor | None = None) -> Problem:
        spec, stored = self.certificate.spec, self.certificate.stored
        who = actor or error_named(code).actor
        ends = self.deadline or (stored.not_after.date() if stored else None)
        consequence = Consequence.EXPIRES if stored else Consequence.NO_CERTIFICATE
        consequence = Consequence.CA_REVOKES if self.deadline else consequence
        return Problem(
            delegation=spec.delegation,
            certificate=spec.name,
            code=code,
            severity=severity,
            actor=who,
            text=text,
            due=ends,
            act_by=self.times.last_day(who, ends) if ends else None,
            consequence=Consequence.REVOKED if self.withdrawn else consequence,
            consequence_on=None if self.withdrawn else ends,
            command=command_for(code, who, spec.delegation, spec.name),
            screen=screen_of(code),
        )
