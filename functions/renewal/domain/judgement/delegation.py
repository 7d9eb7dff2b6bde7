"""The problems of a delegation and its certificates, most urgent first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from renewal.domain.delegation import Delegation
from renewal.domain.errors import Failure, MandateEnded, RecordUnreadable, error_named
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.problem import MANDATE_ENDING, OUTAGES, Problem, problem_of
from renewal.domain.service.state import service_findings
from renewal.domain.setup.finding import Finding, finding_from, finding_in_scm
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.withdrawal import WITHDRAWN, open_revocations


def problems_of(
    delegation: str,
    record: DelegationRecord | None,
    judgements: Iterable[Judgement],
    now: datetime,
    times: ActingTimes,
    *,
    failure: Failure | None = None,
    unreadable: Iterable[RecordUnreadable] = (),
) -> tuple[Problem, ...]:
    """Return what must be done for *delegation* at *now*; each path and code of an error or certificate once.

    *judgements*: of its certificates; *failure*: what stopped the last run for all of it; *unreadable*: its items that
    cannot be read.
    """
    judged, today = tuple(judgements), now.date()
    certificates = [judgement.certificate for judgement in judged]
    own = {problem.key: problem for judgement in judged for problem in judgement.problems}
    findings = [*(finding_from(error, error.certificate) for error in unreadable), *_failed(failure, record, judged)]
    findings += service_findings(certificates, now)
    findings += open_revocations(record, certificates, now) if record else ()
    issued = _issued(record)
    own_problems, inspected = (
        [problem_of(finding, delegation, certificates, today, times, issued) for finding in part]
        for part in (findings, _open(record, judged, now))
    )
    covered = own.keys() | {problem.key for problem in own_problems}
    others = (problem for problem in inspected if problem.key not in covered)
    return tuple(sorted((*own.values(), *own_problems, *others), key=lambda problem: problem.urgency(today)))


def rule_problems(unreadable: Iterable[RecordUnreadable]) -> Iterator[Problem]:
    """Yield a problem for each replacement rule that cannot be read, and is therefore not applied."""
    for error in unreadable:
        text = str(error)
        yield Problem(code=type(error).__name__, about=text, severity="error", actor=error.actor, text=text)


def _issued(record: DelegationRecord | None) -> Collection[str]:
    """The keys of the foreign orders whose certificates are valid."""
    foreign = record.inspection.foreign if record and record.inspection else None
    return foreign.issued if foreign else ()


def _failed(
    failure: Failure | None, record: DelegationRecord | None, judgements: Collection[Judgement]
) -> Iterator[Finding]:
    """What stopped the last run for all of it; an outage is a warning while each certificate can wait.

    Nothing is known of a delegation whose *record* was not read.
    """
    if failure is None:
        return
    error = error_named(failure.error)
    finding = finding_in_scm(failure.error, "error", error.actor, failure.text)
    if failure.error in OUTAGES and record and all(judgement.can_wait for judgement in judgements):
        expiries = [judgement.certificate.stored.not_after for judgement in judgements if judgement.certificate.stored]
        first = min(expiries, default=None)
        finding = replace(finding, severity="warning", due=first.date() if first else None)
    yield finding


def _open(record: DelegationRecord | None, judgements: Iterable[Judgement], now: datetime) -> Iterator[Finding]:
    """The findings of the last inspection, without what was extended or replaced since."""
    if record is None or record.inspection is None:
        return
    withdrawn = record.inspection.withdrawn
    replaced = {
        judgement.certificate.spec.name
        for judgement in judgements
        if judgement.certificate.stored and judgement.certificate.stored.serial not in withdrawn
    }
    for finding in record.inspection.findings:
        is_replaced = finding.code in WITHDRAWN.values() and finding.certificate in replaced
        if not is_replaced and not _is_extended(finding, record.delegation, now):
            yield finding


def _is_extended(finding: Finding, delegation: Delegation, now: datetime) -> bool:
    """Whether it is about the mandate's end, which `certmandate apply` has changed since."""
    if finding.code == MandateEnded.__name__:
        return not delegation.has_ended(now)
    return finding.code == MANDATE_ENDING and finding.due != delegation.mandate_ends
