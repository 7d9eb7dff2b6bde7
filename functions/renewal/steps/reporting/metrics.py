"""The metrics of a run, for the alarms. Counts, unless a name has hours or days in it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import Outcome, RunReport
from renewal.domain.setup.finding import ORDER_NOT_OURS

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def run_metrics(report: RunReport, named: Collection[Problem] = ()) -> dict[str, float]:
    """Return the metrics of *report* by name; *named*: the problems of which its alert notified the operator.

    `DailyRunCompleted` is 1 only after a run over all delegations that could order: its absence raises the alarm. The
    two `LeastDaysTo…` are left out where nothing can expire.
    """
    numbers = {
        "RunCompleted": 1,
        "DailyRunCompleted": int(report.is_daily),
        "CertificatesRenewed": _count(report, Outcome.RENEWED),
        "CertificatesPending": _count(report, Outcome.PENDING),
        "CertificatesFailed": _count(report, Outcome.FAILED, Outcome.HELD),
        "CertificatesDeferred": _count(report, Outcome.DEFERRED),
        "DelegationsFailed": sum(1 for row in report.delegations if row.error),
        "ProblemsOpen": len(report.failures),
        "NewProblems": len(named),
        "NewOrdersNotOurs": sum(1 for problem in named if problem.code == ORDER_NOT_OURS and problem.about),
        "ReplacementsLate": sum(1 for each in report.replacements if each.is_late),
        **_spans(report),
    }
    return {name: round(float(number), 2) for name, number in numbers.items()}


def _spans(report: RunReport) -> dict[str, float]:
    now = report.finished_at
    ages = [(now - row.ordered_at) / _HOUR for row in report.certificates if row.ordered_at]
    least = {}
    if report.first_expiry:
        least["LeastDaysToExpiry"] = (report.first_expiry - now) / _DAY
    if report.first_password_expiry:
        least["LeastDaysToPasswordExpiry"] = (report.first_password_expiry - now.date()) / _DAY
    return {"OldestOrderHours": max(ages, default=0), **least}


def _count(report: RunReport, *outcomes: Outcome) -> int:
    return sum(row.outcome in outcomes for row in report.certificates)
