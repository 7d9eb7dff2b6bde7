"""The metrics of a run, for the alarms. Counts, unless a name says hours or days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from renewal.domain.errors import AddressRefused
from renewal.domain.run_report import Outcome, RunReport
from renewal.domain.setup.egress import ADDRESS_CHANGED

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def run_metrics(report: RunReport) -> dict[str, float]:
    """Return the metrics of *report* by name.

    `DailyRunCompleted` is 1 only after a run over all delegations that could order: its absence raises the alarm. The
    two `LeastDaysTo…` are left out where nothing can expire.
    """
    rows, delegations, now = report.certificates, report.delegations, report.finished_at
    findings = [finding for delegation in delegations for finding in delegation.findings]
    refused, addresses = len(report.refused), sum(row.error == AddressRefused.__name__ for row in report.refused)
    expiries = [row.not_after for row in rows if row.not_after]
    passwords = [row.password_expires for row in delegations if row.password_expires]
    numbers = {
        "RunCompleted": 1,
        "DailyRunCompleted": int(report.is_daily),
        "CertificatesRenewed": _count(report, Outcome.RENEWED),
        "CertificatesPending": _count(report, Outcome.PENDING),
        "CertificatesFailed": _count(report, Outcome.FAILED, Outcome.HELD),
        "CertificatesDeferred": _count(report, Outcome.DEFERRED),
        "DelegationsFailed": sum(1 for row in delegations if row.error),
        "CredentialsRefused": 0 if report.common_cause else refused,
        "AddressesRefused": refused if report.common_cause else addresses,
        "AddressChanged": int(any(finding.code == ADDRESS_CHANGED for finding in findings)),
        "FindingsOpen": sum(finding.severity == "error" for finding in findings),
        "OldestOrderHours": max(((now - row.ordered_at) / _HOUR for row in rows if row.ordered_at), default=0),
        "LeastDaysToExpiry": _least((expiry - now) / _DAY for expiry in expiries),
        "LeastDaysToPasswordExpiry": _least((day - now.date()).days for day in passwords),
    }
    return {name: round(float(number), 2) for name, number in numbers.items() if number is not None}


def _count(report: RunReport, *outcomes: Outcome) -> int:
    return sum(row.outcome in outcomes for row in report.certificates)


def _least(numbers: Iterable[float]) -> float | None:
    return min(numbers, default=None)
