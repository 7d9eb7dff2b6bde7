"""Last step of a run: its report, and whether the operator or a RAO must act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from typing import Any, TypeVar

from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.errors import (
    Failure,
    RecordUnreadable,
    RenewalError,
    ScmUnavailable,
    StoreUnavailable,
    UnknownDelegation,
)
from renewal.domain.forecast import NextRenewal
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.delegation import problems_of, rule_problems
from renewal.domain.judgement.outdated import without_resolved
from renewal.domain.judgement.problem import Problem
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus, StoredCertificate
from renewal.domain.run.map_results import read_map_results, read_verification
from renewal.domain.run.outcome import (
    notes_of,
    outcome_of,
    planned_by_inspection,
    reason_of,
    why_deferred,
)
from renewal.domain.run.plan import PlanFacts
from renewal.domain.run.report import (
    CertificateRow,
    DelegationOutcome,
    DelegationRow,
    FindingRow,
    Outcome,
    RuleRow,
    RunOutcome,
    RunReport,
    common_cause,
)
from renewal.domain.run.unforeseen import unforeseen
from renewal.domain.run.verification import Verification
from renewal.domain.service.state import current_service, service_findings
from renewal.domain.setup.finding import sorted_and_capped
from renewal.domain.setup.inspection import DelegationRecord
from renewal.ports.environment import Clock
from renewal.ports.order_book import Listing, OrderReader
from renewal.ports.runs import RunArchive
from renewal.steps.reporting.alert_sender import AlertSender
from renewal.steps.reporting.metrics import run_metrics
from renewal.steps.reporting.preview import preview
from renewal.steps.reporting.reader import DelegationRead, Record, ReportReader, unread
from renewal.steps.reporting.reported_run import ReportedRun

Time = TypeVar("Time", date, datetime)


@dataclass(frozen=True, slots=True)
class Report:
    """Reads the results of a run and the order book, writes `runs/<run id>/report.json`."""

    book: OrderReader
    archive: RunArchive
    clock: Clock
    times: ActingTimes
    reader: ReportReader
    send_alert: AlertSender

    def __call__(self, run_id: str) -> dict[str, Any]:
        """Write the report; return `{"run_id", "outcome", "is_daily", "counts", "report", "metrics"}`.

        A verification that failed fails no run.
        An hourly run does not fail again for what another run has failed for within the last day.
        `report` is the object's key; `metrics` are numbers by name. Missing or unreadable results are reported as
        failures of their delegations. Raises PlanUnreadable without the facts of the plan: then no report can be
        written, and the execution must fail; so it must when the operator could not be notified.
        """
        facts = self.archive.read_facts(run_id)
        notified = NotifiedProblems.parse(self.archive.read_notified())
        verification = self._verification(run_id, facts)
        report = self._report(run_id, facts, verification, notified.delegations)
        if facts.is_hourly and report.needs_attention and notified.covers(report):
            report = replace(report, outcome=RunOutcome.REPORTED_BEFORE)
        key = self.archive.write_report(run_id, report)
        named = self.send_alert(report, notified, key)
        return {
            "run_id": run_id,
            "outcome": report.outcome,
            "is_daily": report.is_daily,
            "counts": dict(report.counts),
            "report": key,
            "metrics": {**run_metrics(report, named), **verification.metrics},
        }

    def _verification(self, run_id: str, facts: PlanFacts) -> Verification:
        return read_verification(*self.archive.read_verification(run_id)) if facts.has_verification else Verification()

    def _report(self, run_id: str, facts: PlanFacts, verification: Verification, before: Collection[str]) -> RunReport:
        rules = self.book.replacement_rules()  # before the results, which may take all the time
        results = read_map_results(*self.archive.read_results(run_id))
        run = ReportedRun(run_id, facts, results, self.clock(), self.times, rules)
        parts = [self._part(read, run) for read in self.reader(facts, run.results, run.now, before)]
        problems = [*chain.from_iterable(part.problems for part in parts), *rule_problems(rules.unreadable)]
        members = _members(parts)
        rows: tuple[DelegationRow, ...] = members["delegations"]
        ill = tuple(row.delegation for row in rows if row.error == ScmUnavailable.__name__)
        # An operator who named what to do waits for it, even where a daily run would have time.
        is_unfinished = facts.is_narrowed and bool(members["counts"][Outcome.FAILED] or any(row.error for row in rows))
        is_failed = is_unfinished or any(each.needs_attention for each in problems)
        return RunReport(
            run_id=run_id,
            started_at=facts.started_at,
            finished_at=run.now,
            outcome=RunOutcome.FAILED if is_failed else RunOutcome.SUCCEEDED,
            reason=facts.reason,
            dry_run=facts.dry_run,
            is_daily=facts.is_daily,
            not_verified=verification.not_verified,
            late=verification.late,
            rules=tuple(RuleRow(**_failure_members(_failure(error))) for error in rules.unreadable),
            replacements=tuple(each.paused_in(ill) for each in facts.replacements),
            problems=tuple(sorted(problems, key=lambda problem: problem.urgency(run.now.date()))),
            **members,
        )

    def _part(self, read: DelegationRead, run: ReportedRun) -> _Part:
        """The part of the report about one delegation; a bug, or the end of the time, costs only that delegation."""
        try:
            return self._part_of(read, run)
        except StoreUnavailable as error:
            self.reader.require_over(error)
            return self._part_of(unread(read.delegation), run)
        except RenewalError:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            return self._part_of(DelegationRead(read.delegation, unforeseen(error, read.delegation), Listing()), run)

    def _part_of(self, read: DelegationRead, run: ReportedRun) -> _Part:
        if read.record is None:
            return _Part(read.delegation, read.summary.first_expiry, read.summary.password_expires)
        known = read.record if isinstance(read.record, DelegationRecord) else None
        if known and not read.certificates.unreadable:
            known = without_resolved(known, read.certificates, run.now)
        covered, damaged = run.covered(read)
        judged = [self._row(certificate, known, run) for certificate in covered]
        about = _delegation_row(read.delegation, read.record, read.certificates, run)
        problems = problems_of(
            read.delegation,
            known,
            [*(judgement for _, judgement in judged), *run.judged_besides(read, known)],
            run.now,
            run.times,
            failure=Failure(about.error, about.text) if about.error else None,
            unreadable=damaged,
        )
        problems = run.concerning(problems, covered)
        wrong = {problem.certificate for problem in problems}
        rows = (*(row for row, _ in judged if run.is_reported(row, wrong)), *map(_unreadable_row, damaged))
        is_near = self.reader.is_near(about.password_expires, run.now.date())
        is_quiet = not (rows or about.has_content or is_near or run.facts.is_narrowed)
        first_expiry = _first([read.summary.first_expiry, *(row.not_after for row, _ in judged)])
        expires = about.password_expires
        return _Part(read.delegation, first_expiry, expires, None if is_quiet else about, rows, problems)

    def _row(
        self, certificate: ManagedCertificate, record: DelegationRecord | None, run: ReportedRun
    ) -> tuple[CertificateRow, Judgement]:
        spec, order = certificate.spec, certificate.order
        inspected = run.inspection_of(record) if record else None
        planned = run.facts.due.get(spec.path)
        if planned is None and not run.facts.open_orders_only:
            planned = planned_by_inspection(certificate, inspected, run.now)
        finished = self._finished(certificate, run)
        outcome, failed = outcome_of(certificate, planned, run.results, finished, run.facts.doubt)
        next_renewal = NextRenewal.of(certificate, record, run.now)
        error = failed if outcome is Outcome.FAILED else None
        judged = run.judged(certificate, record, error)
        notes = list(notes_of(certificate, finished, run.now))
        if outcome is Outcome.DEFERRED:
            result = run.results.certificates.get(spec.path)
            notes.append(why_deferred(certificate, planned, result, run.facts.started_at))
        return CertificateRow(
            delegation=spec.delegation,
            name=spec.name,
            names=spec.names,
            outcome=outcome,
            reason=reason_of(None if outcome is Outcome.NOT_DUE else planned, finished, next_renewal),
            ordered_at=order.opened_at if order else None,
            ssl_id=run.ssl_id_of(certificate),
            old_serial=_old_serial(certificate, finished),
            new_serial=finished.serial if finished else "",
            key=spec.key_type,
            stores=spec.stores,
            notes=tuple(notes),
            would=preview(certificate, record, inspected, run.now) if record and outcome is Outcome.PLANNED else "",
            renew_at=next_renewal.renew_at,
            service=judged.service,
            hours_to_served=service.hours_to_served if (service := current_service(certificate)) else None,
            state=judged.state.label,
            severity=judged.severity,
            **_stored_members(certificate.stored),
            **_failure_members(failed),
        ), judged

    def _finished(self, certificate: ManagedCertificate, run: ReportedRun) -> FinishedOrder | None:
        """The audit row of what this run, or another one at the same time, has stored since it began."""
        spec = certificate.spec
        result = run.results.certificates.get(spec.path)
        if result is None or not result.is_stored:
            return None
        for row in self.book.history(spec.delegation, spec.name):
            if (row.token, row.status) == (result.token, OrderStatus.STORED) and row.ended_at >= run.facts.started_at:
                return row
        return None


@dataclass(frozen=True, slots=True)
class _Part:
    """What is reported of one delegation."""

    delegation: str
    first_expiry: datetime | None
    password_expires: date | None
    row: DelegationRow | None = None
    """None when there is nothing to report."""
    certificates: tuple[CertificateRow, ...] = ()
    problems: tuple[Problem, ...] = ()


def _delegation_row(
    name: str, record: Record, certificates: Iterable[ManagedCertificate], run: ReportedRun
) -> DelegationRow:
    if isinstance(record, UnknownDelegation):
        # The operator retired it during the run: that is no failure, and the other delegations are still reported.
        text = "removed from the order book during the run"
        return DelegationRow(delegation=name, outcome=DelegationOutcome.REMOVED, text=text)
    if isinstance(record, RenewalError):
        return DelegationRow(delegation=name, outcome=DelegationOutcome.FAILED, **_failure_members(_failure(record)))
    failed, inspection = run.results.failure_of(name), record.inspection
    findings = inspection.findings if inspection else ()
    at_endpoints = service_findings(certificates, run.now)
    return DelegationRow(
        delegation=name,
        organisation=record.delegation.organisation,
        rao_email=record.delegation.rao_email,
        outcome=DelegationOutcome.FAILED if failed else DelegationOutcome.INSPECTED,
        findings=tuple(
            FindingRow.of(finding, run.severity_of(finding))
            for finding in sorted_and_capped((*findings, *at_endpoints))
        ),
        password_expires=inspection.password_expires if inspection else None,
        address=record.delegation.address,
        observed_address=inspection.observed_address if inspection and inspection.address_run == run.run_id else "",
        **_failure_members(failed),
    )


def _members(parts: Sequence[_Part]) -> dict[str, Any]:
    """The members of the report about its delegations and certificates."""
    delegations = tuple(part.row for part in parts if part.row)
    quiet = tuple(part.delegation for part in parts if not part.row)
    certificates = tuple(row for part in parts for row in part.certificates)
    return {
        "counts": Counter(row.outcome for row in certificates),
        "common_cause": "" if quiet else common_cause(delegations),
        "delegations": delegations,
        "quiet_delegations": quiet,
        "certificates": certificates,
        "first_expiry": _first(part.first_expiry for part in parts),
        "first_password_expiry": _first(part.password_expires for part in parts),
    }


def _first(times: Iterable[Time | None]) -> Time | None:
    """The first of *times*, of which None is not known."""
    return min((time for time in times if time is not None), default=None)


def _unreadable_row(error: RecordUnreadable) -> CertificateRow:
    failed = _failure_members(_failure(error))
    return CertificateRow(
        delegation=error.delegation, name=error.certificate, outcome=Outcome.FAILED, severity="error", **failed
    )


def _failure(error: RenewalError) -> Failure:
    return Failure(type(error).__name__, str(error))


def _failure_members(failed: Failure | None) -> dict[str, Any]:
    return {"error": failed.error, "text": failed.text} if failed else {}


def _stored_members(stored: StoredCertificate | None) -> dict[str, Any]:
    if stored is None:
        return {}
    return {"not_before": stored.not_before, "not_after": stored.not_after, "arns": stored.held_arns}


def _old_serial(certificate: ManagedCertificate, finished: FinishedOrder | None) -> str:
    """The serial of what this run replaced, else of what is stored."""
    if finished:
        return finished.previous_serial
    return certificate.stored.serial if certificate.stored else ""
