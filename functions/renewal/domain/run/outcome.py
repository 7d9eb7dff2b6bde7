"""What became of a certificate in a run: decided from the plan, the results of the run and the order book."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from renewal.domain.due import Cause
from renewal.domain.errors import Failure, TooManyDue
from renewal.domain.forecast import NextRenewal
from renewal.domain.judgement.order_wait import held_failure, waits_for
from renewal.domain.judgement.summary import NO_SUMMARY, DelegationSummary
from renewal.domain.order import CLOSED, FinishedOrder, ManagedCertificate
from renewal.domain.orderable import FOUND_BY_INSPECTION, decide_with_inspection
from renewal.domain.run.plan import UNREAD, PlannedCertificate, PlanState
from renewal.domain.run.report import Outcome
from renewal.domain.run.result import CertificateResult
from renewal.domain.setup.inspection import Inspection

RESULT_MISSING = "ResultMissing"
"""In a report, in the place of an error's name: the run left no result for the delegation, or of an open order."""


@dataclass(slots=True)
class RunResults:
    """What the child executions of a run did."""

    delegations: dict[str, Failure | None] = field(default_factory=dict)
    """Every delegation with a result; with its failure when nothing could be done for it."""
    certificates: dict[str, CertificateResult] = field(default_factory=dict)
    """By `delegation/certificate`."""
    summaries: dict[str, DelegationSummary] = field(default_factory=dict)
    """By delegation."""
    not_collected: dict[str, Failure | None] = field(default_factory=dict)
    """Every delegation with a child execution that polled and failed, with its failure."""
    missing: str = "the run left no result for this delegation"
    """Why a delegation has no result."""

    def summary_of(self, delegation: str) -> DelegationSummary:
        """Return what its inspection left to the report."""
        return NO_SUMMARY if self.failure_of(delegation) else self.summaries.get(delegation, NO_SUMMARY)

    def add(self, path: str, result: CertificateResult) -> None:
        """Add what one of the run's Maps did, in any order: what became of an order replaces how far it had come."""
        known = self.certificates.get(path)
        if known is None or known.is_uncollected or (known.is_unfinished and not result.is_uncollected):
            self.certificates[path] = result

    def close(self) -> None:
        """Fail the delegations whose orders could not be polled, except where each certificate has a final result."""
        for delegation, failure in self.not_collected.items():
            own = (result for path, result in self.certificates.items() if path.startswith(f"{delegation}/"))
            if any(result.is_uncollected or result.is_unfinished for result in own):
                self.delegations[delegation] = self.delegations.get(delegation) or failure

    def failure_of(self, delegation: str) -> Failure | None:
        """Return what stopped the whole delegation, None when nothing did."""
        if delegation in self.delegations:
            return self.delegations[delegation]
        return Failure(RESULT_MISSING, self.missing)


def planned_by_inspection(
    certificate: ManagedCertificate, inspection: Inspection | None, now: datetime
) -> PlannedCertificate | None:
    """Return what is due without being in the plan: found by the inspection, or held.

    The order book's index hides a held certificate until the hold ends; the report shows it every day all the same, so
    that a missed notification about the failed order is repeated.
    """
    decision = decide_with_inspection(certificate, inspection, now)
    if not decision.is_held and not set(FOUND_BY_INSPECTION) & set(decision.causes):
        return None
    return PlannedCertificate(decision.causes, PlanState.HELD if decision.is_held else PlanState.PLANNED)


def outcome_of(
    certificate: ManagedCertificate,
    planned: PlannedCertificate | None,
    results: RunResults,
    finished: FinishedOrder | None,
    doubt: str = "",
) -> tuple[Outcome, Failure | None]:
    """Return the outcome, and the failure behind it.

    *finished*: the audit row of what the run stored. *doubt*: of the plan.
    """
    result = results.certificates.get(certificate.spec.path)
    if result is not None and result.is_stored:
        # Without an audit row of this run it was no longer due when enroll read it: nothing was ordered.
        return (Outcome.RENEWED if finished else Outcome.NOT_DUE), None
    if result is not None and result.is_uncollected:
        return Outcome.FAILED, Failure(RESULT_MISSING, "it is ordered, and the run left no result of collecting it")
    if result is not None:
        return Outcome(result.status), result.failure
    if planned is None:
        return Outcome.NOT_DUE, None
    if planned.state is PlanState.HELD:
        return Outcome.HELD, held_failure(certificate)
    if planned.state is PlanState.REFUSED:
        return Outcome.FAILED, Failure(TooManyDue.__name__, doubt)
    failure = results.failure_of(certificate.spec.delegation)
    if planned.state is PlanState.DEFERRED or failure is None:
        return Outcome.DEFERRED, None
    return Outcome.FAILED, failure


def reason_of(planned: PlannedCertificate | None, finished: FinishedOrder | None, next_renewal: NextRenewal) -> str:
    """Return why a certificate was due, or from when it will be."""
    if finished is not None:
        resumed = [cause for cause in planned.causes if cause == Cause.ORDER_OPEN] if planned else []
        return ", ".join([*resumed, *finished.causes])
    if planned is not None:
        return ", ".join(planned.causes)
    if next_renewal.is_after_the_mandate:
        return f"its renewal would be after the mandate's last day, {next_renewal.mandate_ends}"
    return f"due from {next_renewal.renew_at:%Y-%m-%d %H:%M}Z" if next_renewal.renew_at else "nothing to do"


def why_deferred(
    certificate: ManagedCertificate,
    planned: PlannedCertificate | None,
    result: CertificateResult | None,
    since: datetime,
) -> str:
    """Return why the run, which began at *since*, has deferred the certificate, and which run continues."""
    is_closed = certificate.last_error == CLOSED and certificate.failed_at and certificate.failed_at >= since
    if result is not None and is_closed:
        return "the operator has closed its order; a later daily run orders it if it is due"
    if result is not None:
        return "so long after its start a run begins no order for a replacement rule; the next run does"
    if planned == UNREAD:
        return "AWS answered so slowly that no time was left to read it; the next run does"
    # Without a limit, the inspection had something more urgent.
    limit = (planned.limit if planned else "") or "OrdersPerDelegation or OrdersPerRun"
    later = "the next run polls it" if planned and Cause.ORDER_OPEN in planned.causes else "a later daily run orders it"
    return f"the run has reached its limit {limit}; {later}"


def notes_of(certificate: ManagedCertificate, finished: FinishedOrder | None, now: datetime) -> tuple[str, ...]:
    """Return what the operator should know of a success, or of an open order."""
    stored, order = certificate.stored, certificate.order
    if order is not None:
        return tuple(note for note in (waits_for(order, now),) if note)
    if finished is None or stored is None:
        return ()
    notes = [finished.text] if finished.text else []
    if Cause.KEY_TYPE_CHANGED in finished.causes and stored.held_arns:
        made = ", ".join(stored.held_arns.values())
        notes.append(
            f"ACM never changes the key type of an ARN, so a new one was made: {made}. "
            "Associate it where the old one is in use; while it is, inspections report ArnReplaced"
        )
    return tuple(notes)
