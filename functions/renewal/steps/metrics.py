"""The numbers of a run, for the alarms. Plain counts, unless a name says hours or days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from renewal.domain.setup.egress import ADDRESS_CHANGED

CREDENTIAL_ERRORS = frozenset({"CredentialRefused", "AddressRefused"})

_HOUR = 3_600  # seconds
_DAY = 86_400  # seconds


def run_metrics(report: Mapping[str, Any], now: datetime) -> dict[str, float]:
    """Return the metrics of *report* by name.

    `DailyRunCompleted` is 1 only after a run over the whole estate that could order: its absence is the alarm. The two
    `LeastDaysTo…` are left out where nothing can expire.
    """
    rows, delegations = report["certificates"], report["delegations"]
    counts = Counter(row["outcome"] for row in rows)
    refused = [one for one in delegations if one["error"] in CREDENTIAL_ERRORS]
    numbers = {
        "RunCompleted": 1,
        "DailyRunCompleted": int(report["is_daily"]),
        "CertificatesRenewed": counts["renewed"],
        "CertificatesPending": counts["pending"],
        "CertificatesFailed": counts["failed"] + counts["held"],
        "CertificatesDeferred": counts["deferred"],
        "DelegationsFailed": sum(1 for one in delegations if one["error"]),
        "CredentialsRefused": 0 if report["common_cause"] else len(refused),
        "AddressesRefused": len(refused) if report["common_cause"] else _count(refused, "AddressRefused"),
        "AddressChanged": int(any(_has_finding(one, ADDRESS_CHANGED) for one in delegations)),
        "FindingsOpen": sum(finding["severity"] == "error" for one in delegations for finding in one["findings"]),
        "OldestOrderHours": max(
            (_span(now, row["ordered_at"]) / _HOUR for row in rows if row["ordered_at"]), default=0
        ),
        "LeastDaysToExpiry": _least(-_span(now, row["not_after"]) / _DAY for row in rows if row["not_after"]),
        "LeastDaysToPasswordExpiry": _least(_days_left(one["password_expires"], now) for one in delegations),
    }
    return {name: round(float(number), 2) for name, number in numbers.items() if number is not None}


def _count(delegations: Iterable[Mapping[str, Any]], error: str) -> int:
    return sum(1 for one in delegations if one["error"] == error)


def _has_finding(delegation: Mapping[str, Any], code: str) -> bool:
    return any(finding["code"] == code for finding in delegation["findings"])


def _span(now: datetime, moment: str) -> float:
    """Seconds from *moment* to *now*."""
    return (now - datetime.fromisoformat(moment)).total_seconds()


def _days_left(day: str, now: datetime) -> float | None:
    return (date.fromisoformat(day) - now.date()).days if day else None


def _least(numbers: Iterable[float | None]) -> float | None:
    return min((number for number in numbers if number is not None), default=None)
