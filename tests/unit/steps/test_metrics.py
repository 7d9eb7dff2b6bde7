"""The metrics that alarms watch, from a report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from renewal.domain.judgement.problem import Problem
from renewal.domain.judgement.replacement_progress import ReplacementProgress
from renewal.domain.run.report import CertificateRow, DelegationOutcome, DelegationRow, Outcome, RunOutcome, RunReport
from renewal.domain.setup.finding import Severity
from renewal.steps.reporting.metrics import run_metrics

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def a_certificate(outcome: Outcome = Outcome.NOT_DUE, **changes: Any) -> CertificateRow:
    return CertificateRow(delegation="univ", name="idp", outcome=outcome, **changes)


def a_delegation(error: str = "", **changes: Any) -> DelegationRow:
    return DelegationRow(delegation="univ", outcome=DelegationOutcome.INSPECTED, error=error, **changes)


def a_report(**changes: Any) -> RunReport:
    """The report of a run that ended at NOW."""
    return RunReport(run_id="run", started_at=NOW, finished_at=NOW, outcome=RunOutcome.SUCCEEDED, **changes)


def metrics_of(*certificates: CertificateRow, **changes: Any) -> dict[str, float]:
    """The metrics of that run."""
    return run_metrics(a_report(certificates=certificates, **changes))


@pytest.mark.parametrize("is_daily", [True, False])
def test_only_a_complete_daily_run_counts_as_one(is_daily: bool) -> None:
    """A dry run, or a run for one certificate, proves nothing about the others."""
    numbers = metrics_of(is_daily=is_daily)

    assert (numbers["DailyRunCompleted"], numbers["RunCompleted"]) == (float(is_daily), 1)


def test_the_oldest_open_order_counts_in_hours() -> None:
    """An order that SCM never issues must show, however many recent orders are open."""
    opened = [datetime(2026, 11, 23, 4, tzinfo=UTC), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)]
    orders = [a_certificate(Outcome.PENDING, ordered_at=time) for time in opened]

    assert metrics_of(*orders)["OldestOrderHours"] == 60
    assert metrics_of(a_certificate())["OldestOrderHours"] == 0


def test_the_first_expiry_is_left_out_where_nothing_expires() -> None:
    """A zero for an empty order book would raise the alarm."""
    numbers = metrics_of(
        first_expiry=datetime(2026, 12, 5, 16, 30, tzinfo=UTC), first_password_expiry=date(2026, 12, 3)
    )

    assert (numbers["LeastDaysToExpiry"], numbers["LeastDaysToPasswordExpiry"]) == (12.5, 10)
    assert not {"LeastDaysToExpiry", "LeastDaysToPasswordExpiry"} & set(metrics_of())


def test_open_problems_count_what_needs_attention_and_new_ones_what_was_notified() -> None:
    """The dashboard shows both; a warning has its date in the report."""
    severities: tuple[Severity, ...] = ("error", "warning", "error", "info")
    problems = tuple(
        Problem(delegation=f"univ{number}", code="RoleMissing", severity=severity, actor="rao")
        for number, severity in enumerate(severities)
    )

    numbers = run_metrics(a_report(problems=problems), problems[:1])

    assert (numbers["ProblemsOpen"], numbers["NewProblems"]) == (2, 1)


def test_each_order_that_is_not_ours_is_counted_in_the_run_that_names_it() -> None:
    """The operator's finding is about all of them; other new problems raise no alarm about a theft."""
    first, second, of_all = (
        Problem(delegation="univ", code=code, about=about, severity="error", actor="rao")
        for code, about in (("OrderNotOurs", "101"), ("OrderNotOurs", "102"), ("OrderNotOurs", ""))
    )
    other = replace(first, code="StoreDrifted")

    numbers = run_metrics(a_report(problems=(first, second, of_all, other)), (first, second, of_all, other))

    assert numbers["NewOrdersNotOurs"] == 2
    assert metrics_of(problems=(first, of_all))["NewOrdersNotOurs"] == 0


def test_a_replacement_that_will_be_late_is_counted() -> None:
    """The alarm must go off while there is time to raise a cap."""
    progress = ReplacementProgress(
        reason="incident", issued_before=NOW, in_flight=0, failed=0, waiting=5, not_served=0, is_late=True
    )

    assert metrics_of(replacements=(progress,))["ReplacementsLate"] == 1
    assert metrics_of(replacements=(replace(progress, is_late=False),))["ReplacementsLate"] == 0
