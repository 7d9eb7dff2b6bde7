"""The metrics that alarms watch, from a report."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from renewal.domain.run_report import (
    CertificateRow,
    DelegationOutcome,
    DelegationRow,
    FindingRow,
    Outcome,
    RunOutcome,
    RunReport,
)
from renewal.domain.setup.finding import Severity
from renewal.steps.metrics import run_metrics

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def a_certificate(outcome: Outcome = Outcome.NOT_DUE, **changes: Any) -> CertificateRow:
    return CertificateRow(delegation="univ", name="idp", outcome=outcome, **changes)


def a_delegation(error: str = "", **changes: Any) -> DelegationRow:
    return DelegationRow(delegation="univ", outcome=DelegationOutcome.INSPECTED, error=error, **changes)


def metrics_of(*certificates: CertificateRow, **changes: Any) -> dict[str, float]:
    """The metrics of a run that ended at NOW."""
    report = RunReport(
        run_id="run",
        started_at=NOW,
        finished_at=NOW,
        outcome=RunOutcome.SUCCEEDED,
        certificates=certificates,
        **changes,
    )
    return run_metrics(report)


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
    days = (date(2026, 12, 23), None, date(2026, 12, 3))
    delegations = tuple(a_delegation(password_expires=day) for day in days)
    expiring = a_certificate(not_after=datetime(2026, 12, 5, 16, 30, tzinfo=UTC))

    numbers = metrics_of(expiring, a_certificate(), delegations=delegations)

    assert (numbers["LeastDaysToExpiry"], numbers["LeastDaysToPasswordExpiry"]) == (12.5, 10)
    assert not {"LeastDaysToExpiry", "LeastDaysToPasswordExpiry"} & set(metrics_of())


def test_accounts_refused_at_once_count_as_refused_addresses() -> None:
    """A 401 for every account has one cause; a 401 for one of several is that account's password."""
    refused = (a_delegation("CredentialRefused"), a_delegation("CredentialRefused"))

    together = metrics_of(delegations=refused, common_cause="the address")
    apart = metrics_of(delegations=(*refused, a_delegation("AddressRefused"), a_delegation()))

    assert (together["AddressesRefused"], together["CredentialsRefused"]) == (2, 0), "one alarm, not two"
    assert (apart["AddressesRefused"], apart["CredentialsRefused"], apart["DelegationsFailed"]) == (1, 3, 3)


def test_open_findings_count_errors_and_no_warnings() -> None:
    """A warning has its date in the report; an error stops the next order."""
    severities: tuple[Severity, ...] = ("error", "warning", "error", "info")
    delegations = tuple(a_delegation(findings=(FindingRow("RoleMissing", severity, "rao"),)) for severity in severities)

    assert metrics_of(delegations=delegations)["FindingsOpen"] == 2
