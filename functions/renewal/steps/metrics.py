"""The metrics of a run, for the alarms. Counts, unless a name has hours or days in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from renewal.domain.errors import AddressRefused
from renewal.domain.run_report import FindingRow, Outcome, RunReport
from renewal.domain.setup.egress import ADDRESS_CHANGED
from renewal.domain.setup.finding import ORDER_NOT_OURS

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def run_metrics(report: RunReport) -> dict[str, float]:
    """Return the metrics of *report* by name.

    `DailyRunCompleted` is 1 only after a run over all delegations that could order: its absence raises the alarm. The
    two `LeastDaysTo…` are left out where nothing can expire. `OrdersNotOurs` counts what no earlier run has observed,
    so that each order is notified once.
    """
    findings = [finding for delegation in report.delegations for finding in delegation.findings]
    numbers = {
        "RunCompleted": 1,
        "DailyRunCompleted": int(report.is_daily),
        "CertificatesRenewed": _count(report, Outcome.RENEWED),
        "CertificatesPending": _count(report, Outcome.PENDING),
        "CertificatesFailed": _count(report, Outcome.FAILED, Outcome.HELD),
        "CertificatesDeferred": _count(report, Outcome.DEFERRED),
        "DelegationsFailed": sum(1 for row in report.delegations if row.error),
        **_refusals(report),
        "AddressChanged": int(any(finding.code == ADDRESS_CHANGED for finding in findings)),
        "FindingsOpen": _open(findings) + bool(report.not_verified),
        "OrdersNotOurs": sum(row.orders_not_ours for row in report.delegations),
        **_spans(report),
    }
    return {name: round(float(number), 2) for name, number in numbers.items()}


def _open(findings: Iterable[FindingRow]) -> int:
    return sum(finding.severity == "error" and finding.code != ORDER_NOT_OURS for finding in findings)


def _refusals(report: RunReport) -> dict[str, float]:
    """With a common cause every refusal counts as one of our address, so that one alarm is raised and not two."""
    refused = len(report.refused)
    if report.common_cause:
        return {"CredentialsRefused": 0, "AddressesRefused": refused}
    addresses = sum(row.error == AddressRefused.__name__ for row in report.refused)
    return {"CredentialsRefused": refused, "AddressesRefused": addresses}


def _spans(report: RunReport) -> dict[str, float]:
    now = report.finished_at
    ages = [(now - row.ordered_at) / _HOUR for row in report.certificates if row.ordered_at]
    lifetimes = [(row.not_after - now) / _DAY for row in report.certificates if row.not_after]
    passwords = [(row.password_expires - now.date()) / _DAY for row in report.delegations if row.password_expires]
    least = {"LeastDaysToExpiry": lifetimes, "LeastDaysToPasswordExpiry": passwords}
    return {"OldestOrderHours": max(ages, default=0), **{name: min(days) for name, days in least.items() if days}}


def _count(report: RunReport, *outcomes: Outcome) -> int:
    return sum(row.outcome in outcomes for row in report.certificates)
