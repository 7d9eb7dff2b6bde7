"""The numbers that alarms look at, from a report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from renewal.steps.metrics import run_metrics

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def a_certificate(outcome: str = "not-due", ordered_at: str = "", not_after: str = "") -> dict[str, Any]:
    return {"outcome": outcome, "ordered_at": ordered_at, "not_after": not_after}


def a_delegation(
    error: str = "", password_expires: str = "", findings: tuple[tuple[str, str], ...] = ()
) -> dict[str, Any]:
    return {
        "error": error,
        "password_expires": password_expires,
        "findings": [{"severity": severity, "code": code} for severity, code in findings],
    }


def a_report(*certificates: Any, delegations: Any = (), common_cause: str = "", is_daily: bool = True) -> Any:
    return {
        "certificates": certificates,
        "delegations": delegations,
        "common_cause": common_cause,
        "is_daily": is_daily,
    }


@pytest.mark.parametrize("is_daily", [True, False])
def test_only_a_whole_run_that_may_order_stills_the_dead_mans_switch(is_daily: bool) -> None:
    """A dry run or a run for one certificate says nothing of the estate."""
    numbers = run_metrics(a_report(is_daily=is_daily), NOW)

    assert (numbers["DailyRunCompleted"], numbers["RunCompleted"]) == (float(is_daily), 1)


def test_the_oldest_open_order_counts_in_hours() -> None:
    """One order that nobody issues must show, however many are fresh."""
    orders = [
        a_certificate("pending", ordered_at=when) for when in ("2026-11-23T04:00:00+00:00", "2026-11-20T16:30:00+00:00")
    ]

    assert run_metrics(a_report(*orders), NOW)["OldestOrderHours"] == 60
    assert run_metrics(a_report(a_certificate()), NOW)["OldestOrderHours"] == 0


def test_what_expires_first_is_told_in_days_and_left_out_where_nothing_can() -> None:
    """An alarm on the least needs the least; a zero for an empty estate would page."""
    delegations = [a_delegation(password_expires=day) for day in ("2026-12-23", "", "2026-12-03")]
    numbers = run_metrics(
        a_report(a_certificate(not_after="2026-12-05T16:30:00+00:00"), a_certificate(), delegations=delegations), NOW
    )

    assert (numbers["LeastDaysToExpiry"], numbers["LeastDaysToPasswordExpiry"]) == (12.5, 10)
    assert not {"LeastDaysToExpiry", "LeastDaysToPasswordExpiry"} & set(run_metrics(a_report(), NOW))


def test_accounts_refused_at_once_are_refused_by_their_address() -> None:
    """Four hundred and one for everybody is one cause; for one of two it is that one's password."""
    refused = [a_delegation("CredentialRefused"), a_delegation("CredentialRefused")]

    together = run_metrics(a_report(delegations=refused, common_cause="the address"), NOW)
    apart = run_metrics(a_report(delegations=[*refused, a_delegation("AddressRefused"), a_delegation()]), NOW)

    assert (together["AddressesRefused"], together["CredentialsRefused"]) == (2, 0), "one page, not two"
    assert (apart["AddressesRefused"], apart["CredentialsRefused"], apart["DelegationsFailed"]) == (1, 3, 3)


def test_findings_that_stop_the_next_order_are_counted_and_warnings_are_not() -> None:
    """A warning has its date in the report; an error wants somebody now."""
    bad, warned, told = ("error", "RoleMissing"), ("warning", "PasswordExpiring"), ("info", "ShorterTerms")
    delegations = [a_delegation(findings=(bad, warned)), a_delegation(findings=(bad, told))]

    assert run_metrics(a_report(delegations=delegations), NOW)["FindingsOpen"] == 2
