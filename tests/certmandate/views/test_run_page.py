"""The page about a run: who must do what, in words, most urgent first."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from rich.console import Console

from certmandate.views.advice import ADVICE
from certmandate.views.run_page import print_page, summary
from renewal.domain.errors import AddressRefused, DcvLapsed, OrderDeclined, every_error
from renewal.domain.run_report import (
    CertificateRow,
    DelegationOutcome,
    DelegationRow,
    FindingRow,
    Outcome,
    RunOutcome,
    RunReport,
)
from renewal.domain.setup.finding import finding_from

NOW = datetime(2026, 11, 23, 4, 31, tzinfo=UTC)


def row(name: str, outcome: Outcome, *, error: str = "", not_after: str = "", **changes: Any) -> CertificateRow:
    """One certificate of a report."""
    return CertificateRow(
        delegation="univ",
        name=name,
        names=(f"{name}.univ.example",),
        outcome=outcome,
        reason="age",
        ssl_id=10023,
        not_after=datetime.fromisoformat(not_after) if not_after else None,
        error=error,
        text="SCM's own sentence [in brackets]" if error else "",
        **changes,
    )


def report(*rows: CertificateRow, **delegation: Any) -> RunReport:
    """The report of a run over one delegation."""
    about = {
        "delegation": "univ",
        "organisation": "Université d'Exemple",
        "rao_email": "rao@univ.example",
        "outcome": DelegationOutcome.INSPECTED,
        **delegation,
    }
    return RunReport(
        run_id="run",
        started_at=NOW,
        finished_at=NOW,
        outcome=RunOutcome.SUCCEEDED,
        counts=Counter(row.outcome for row in rows),
        delegations=(DelegationRow(**about),),
        certificates=rows,
    )


def printed(made: RunReport) -> str:
    """The page as it stands in a log."""
    stream = io.StringIO()
    print_page(Console(file=stream, width=100, highlight=False), made)
    return stream.getvalue()


def test_there_is_advice_for_every_error() -> None:
    """An error without advice leaves somebody alone with a name at 3 a.m."""
    assert {kind.__name__ for kind in every_error()} <= set(ADVICE)


def test_the_most_urgent_stands_first() -> None:
    """A certificate that has expired hurts now; one that was never issued hurts nobody yet."""
    page = printed(
        report(
            row("young", Outcome.FAILED, error="DcvLapsed", not_after="2027-03-01T00:00:00+00:00"),
            row("fresh", Outcome.FAILED, error="DcvLapsed"),
            row("dead", Outcome.FAILED, error="DcvLapsed", not_after="2026-11-20T00:00:00+00:00"),
            row("well", Outcome.RENEWED, not_after="2027-06-10T00:00:00+00:00"),
        )
    )

    table, instructions = page.split("Who must do what, most urgent first")
    names = ("univ/dead", "univ/young", "univ/fresh")
    assert [table.index(name) for name in (*names, "univ/well")] == sorted(
        table.index(name) for name in (*names, "univ/well")
    )
    assert [instructions.index(name) for name in names] == sorted(instructions.index(name) for name in names)
    assert "EXPIRED since 2026-11-20 00:00Z" in instructions
    assert "97 days left" in instructions


@pytest.mark.parametrize(
    ("not_after", "days"),
    [("2026-11-20T00:00:00+00:00", "-3"), ("2026-11-23T00:00:00+00:00", "0"), ("2026-11-25T12:00:00+00:00", "2")],
)
def test_days_are_whole_ones_on_both_sides_of_the_end(not_after: str, days: str) -> None:
    """Three days and a half after the end are three days, not four: `timedelta.days` rounds down."""
    page = printed(report(row("old", Outcome.NOT_DUE, not_after=not_after)))

    [line] = [line for line in page.splitlines() if "univ/old" in line]
    assert line.split()[-1] == days


def test_what_ended_this_morning_has_expired() -> None:
    """It has no whole day left and none gone, and is out of time all the same."""
    page = printed(report(row("old", Outcome.FAILED, error="DcvLapsed", not_after="2026-11-23T00:00:00+00:00")))

    assert "EXPIRED since 2026-11-23 00:00Z" in page


def test_an_incident_says_who_does_what_where() -> None:
    """The page is read by somebody who did not write this program."""
    page = printed(report(row("www", Outcome.FAILED, error="OrderDeclined")))

    for words in (
        "What   An administrator declined the order.",
        "Error  SCM's own sentence [in brackets]",
        "Who    the RAO of Université d'Exemple, rao@univ.example",
        "Where  SCM: Certificates → SSL Certificates, SSL ID 10023",
        'Then   start an execution with {"certificates": ["univ/www"], "force": true, "reason": "…"}.',
        "Read   docs/runbook.md, OrderDeclined",
        "1 incident needs attention: 1 failed.",
    ):
        assert words in page


def test_a_delegation_that_fails_is_one_incident() -> None:
    """One bad password with forty certificates behind it is one page, not forty."""
    refused = {"error": "CredentialRefused", "text": "refused", "password_expires": date(2026, 11, 20)}
    rows = [row(name, Outcome.FAILED, error="CredentialRefused") for name in ("a", "b", "c")]

    page = printed(report(*rows, **refused))

    assert "\n1. univ " in page
    assert "\n2. " not in page
    assert "Stops  univ/a, univ/b, univ/c" in page
    assert "its password expired on 2026-11-20, which is the most likely cause" in page


def test_a_password_that_is_still_good_is_said_to_be() -> None:
    """SCM's answer is the same for a lock, a wrong password and an expired one."""
    page = printed(report(error="CredentialRefused", text="refused", password_expires=date(2027, 2, 1)))

    assert "its password is valid until 2027-02-01: first check for a lock" in page


def test_a_delegation_that_was_removed_during_the_run_is_told() -> None:
    """Whoever looks for it in the table finds out why it is not there."""
    page = printed(report(outcome=DelegationOutcome.REMOVED, text="removed from the order book during the run"))

    assert "univ: removed from the order book during the run." in page
    assert "Who must do what" not in page


def test_what_is_not_urgent_is_told_last() -> None:
    """A password that expires next week is no reason to wake anybody, and every reason to act."""
    finding = FindingRow("PasswordExpiring", "warning", "operator", text="the password expires")

    page = printed(report(row("a", Outcome.RENEWED, not_after="2027-06-10T00:00:00+00:00"), findings=(finding,)))

    assert "univ: the password expires (PasswordExpiring, for the operator)." in page
    assert summary(report(row("a", Outcome.RENEWED))).plain == "Success: 1 renewed."


def test_a_finding_that_an_incident_tells_is_not_told_again() -> None:
    """Told twice, one trouble looks like two; but the same trouble of another name must not be hidden by it."""
    findings = tuple(
        FindingRow("DcvLapsed", "error", "rao", text=f"{name}.univ.example has lapsed") for name in ("www", "later")
    )

    page = printed(report(row("www", Outcome.FAILED, error="DcvLapsed"), findings=findings))

    assert "www.univ.example has lapsed" not in page
    assert "univ: later.univ.example has lapsed (DcvLapsed, for the RAO)." in page


def test_the_page_of_a_run_and_the_raos_mail_name_the_same_screen() -> None:
    """The operator reads one to a RAO who reads the other."""
    for error in (DcvLapsed("…"), AddressRefused("…"), OrderDeclined("…")):
        finding = finding_from(error)
        assert finding.screen
        assert f"Where  SCM: {finding.screen}" in printed(report(row("www", Outcome.FAILED, error=finding.code)))


def test_the_page_is_plain_in_a_pipe() -> None:
    """Logs and mails show control characters as rubbish."""
    page = printed(report(row("a", Outcome.FAILED, error="KeyLost")))

    assert all(character.isprintable() for line in page.splitlines() for character in line)
    assert not any(line.endswith(" ") for line in page.splitlines())
