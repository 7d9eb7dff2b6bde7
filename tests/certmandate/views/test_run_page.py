"""The page of a run: who must do what, most urgent first."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from rich.console import Console

from certmandate.views.advice import ADVICE
from certmandate.views.incident import incidents_of
from certmandate.views.run_page import print_page, summary
from renewal.domain.errors import AddressRefused, DcvLapsed, OrderDeclined, RecordUnreadable, error_named, every_error
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.delegation import rule_problems
from renewal.domain.judgement.problem import Problem, problem_of
from renewal.domain.run.report import CertificateRow, DelegationOutcome, DelegationRow, Outcome, RunOutcome, RunReport
from renewal.domain.setup.finding import Finding, finding_from
from renewal.domain.setup.scm_menu import screen_of
from tests.codes import finding_codes

NOW = datetime(2026, 11, 23, 4, 31, tzinfo=UTC)


def row(name: str, outcome: Outcome, *, error: str = "", not_after: str = "", **changes: Any) -> CertificateRow:
    """One certificate of a report."""
    return CertificateRow(
        severity="error" if error else "",
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


def problem(code: str, text: str, name: str = "") -> Problem:
    """The problem of an error of the delegation, or of its certificate *name*."""
    finding = Finding(code, "error", error_named(code).actor, text, name, screen=screen_of(code))
    return problem_of(finding, "univ", (), NOW.date(), ActingTimes())


def report(*rows: CertificateRow, findings: tuple[Finding, ...] = (), **delegation: Any) -> RunReport:
    """The report of a run over one delegation."""
    stopped = [problem(delegation["error"], delegation["text"])] if "error" in delegation else []
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
        problems=(
            *stopped,
            *(problem(row.error, row.text, row.name) for row in rows if row.error),
            *(problem_of(finding, "univ", (), NOW.date(), ActingTimes()) for finding in findings),
        ),
    )


def printed(made: RunReport) -> str:
    """Return the page as it is in a log."""
    stream = io.StringIO()
    print_page(Console(file=stream, width=100, highlight=False), made)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("code", "then"),
    [
        ("OrderRejected", ""),
        ("TermRefused", "the next daily run continues."),
        ("MandateEnded", "the operator applies the changed delegation file; the next daily run then continues."),
        ("DcvLapsed", "the next run tries again automatically."),
        ("CertificateMismatch", "the next daily run orders again."),
        ("CertificateUnusable", "the next daily run orders again."),
        ("CredentialRefused", "the next daily run tries again automatically."),
    ],
)
def test_how_renewal_continues_does_not_repeat_the_command(code: str, then: str) -> None:
    """Most incidents of a page printed their command twice, so the line with the new fact was skipped."""
    lines = printed(report(row("www", Outcome.FAILED, error=code))).splitlines()

    assert [line.split(maxsplit=1)[1] for line in lines if line.split()[:1] == ["Then"]] == [then][: bool(then)]


def test_every_error_has_advice() -> None:
    """Without advice the operator on call has only an error's name."""
    assert {kind.__name__ for kind in every_error()} <= set(ADVICE)


def test_the_most_urgent_certificate_is_first() -> None:
    """An expired certificate is urgent; one that was never issued is not in use."""
    page = printed(
        report(
            row("young", Outcome.FAILED, error="DcvLapsed", not_after="2027-03-01T00:00:00+00:00"),
            row("new", Outcome.FAILED, error="DcvLapsed"),
            row("dead", Outcome.FAILED, error="DcvLapsed", not_after="2026-11-20T00:00:00+00:00"),
            row("well", Outcome.RENEWED, not_after="2027-06-10T00:00:00+00:00"),
        )
    )

    instructions, table = page.split("\nCertificates\n")
    names = ("univ/dead", "univ/young", "univ/new")
    for text, listed in ((table, (*names, "univ/well")), (instructions, names)):
        assert sorted(listed, key=text.index) == list(listed)


def test_incidents_have_the_order_of_the_report() -> None:
    """It has that of `status`: an account that is refused was below each certificate that expires in spring."""
    row_of = row("young", Outcome.FAILED, error="DcvLapsed", not_after="2027-03-01T00:00:00+00:00")
    made = report(row_of, findings=(Finding("WebApiOff", "error", "rao", "nothing can be ordered"),))

    for problems in (made.problems, made.problems[::-1]):
        found = incidents_of(replace(made, problems=problems))
        assert [each.code for each in found] == [each.code for each in problems]


@pytest.mark.parametrize(
    ("not_after", "days", "deadline"),
    [
        ("2026-11-20T00:00:00+00:00", "-3", "EXPIRED on 2026-11-20 00:00Z"),
        ("2026-11-23T00:00:00+00:00", "0", "EXPIRED on 2026-11-23 00:00Z"),
        ("2026-11-25T12:00:00+00:00", "2", "2 days left, until 2026-11-25 12:00Z"),
    ],
)
def test_days_left_are_rounded_towards_zero(not_after: str, days: str, deadline: str) -> None:
    """`timedelta.days` makes four days of three and a half after the end; an expired certificate is shown as such."""
    page = printed(report(row("old", Outcome.FAILED, error="DcvLapsed", not_after=not_after)))

    line = next(line for line in page.splitlines() if line.startswith("univ/old"))
    assert line.split()[-1] == days
    assert deadline in page


def test_an_incident_has_who_must_do_what_and_where() -> None:
    """The operator on call may never have used this program."""
    page = printed(report(row("www", Outcome.FAILED, error="OrderDeclined")))

    for words in (
        "What       An administrator declined the order.",
        "Error      SCM's own sentence [in brackets]",
        "Who        the RAO of Université d'Exemple, rao@univ.example",
        "Where      SCM: Certificates → SSL Certificates, SSL ID 10023",
        "Then       the operator runs `certmandate renew univ/www --force --reason OrderDeclined`.",
        "Otherwise  no more certificates are ordered",
        "Read       docs/runbook.md, OrderDeclined",
        "1 incident needs attention. Certificates: 1 failed.",
    ):
        assert words in page


def test_the_way_of_a_remedy_has_its_own_label() -> None:
    """`Where  no page of SCM: …` is no place."""
    page = printed(report(row("www", Outcome.FAILED, error="MandateEnded")))

    assert "Note       not in SCM: extend the mandate in writing" in page
    assert "Run        `certmandate credential univ`" in printed(report(error="CredentialRefused", text="refused"))


def test_the_operators_next_command_continues_all_of_them() -> None:
    """The command of the list has the first certificate only."""
    page = printed(report(*(row(name, Outcome.FAILED, error="OrderRejected") for name in ("a", "b"))))

    assert "Then       run `certmandate renew univ/a univ/b --force --reason OrderRejected`." in page


@pytest.mark.parametrize("code", ["TermRefused", "ProfileRefused"])
def test_a_file_is_changed_before_it_is_applied(code: str) -> None:
    """The list had the command alone: applied unchanged, the files change nothing."""
    page = printed(report(row("www", Outcome.FAILED, error=code)))

    assert "      change the delegation file, then `certmandate apply delegations/`\n" in page.split("\nDetails")[0]


def test_a_page_without_certificates_has_no_empty_table() -> None:
    """It printed the heads of the columns alone, and that an incident needs attention with nothing to do."""
    page = printed(report(findings=(Finding("RecordUnreadable", "error", "operator", "damaged", "www"),)))

    assert "SSL ID" not in page
    assert page.endswith("\n1 incident needs attention: no certificate was due.\n")
    assert "Note       no command repairs the item: docs/runbook.md, RecordUnreadable" in page


def test_a_rule_that_was_not_applied_is_an_incident() -> None:
    """It was written ahead of a mass revocation; the certificates themselves look well."""
    unreadable = RecordUnreadable("'issued_before' is missing")
    made = replace(report(), problems=tuple(rule_problems([unreadable])))

    page = printed(made)

    assert "1. a replacement rule" in page
    assert "'issued_before' is missing" in page
    assert "1 incident needs attention" in page


def test_a_failed_delegation_is_one_incident() -> None:
    """One wrong password with forty certificates is one incident, not forty."""
    rows = [row(name, Outcome.FAILED, error="CredentialRefused") for name in ("a", "b", "c")]

    page = printed(report(*rows, error="CredentialRefused", text="refused"))

    assert "\n1. univ " in page
    assert "\n2. " not in page
    assert "Affects    univ/a, univ/b, univ/c" in page


@pytest.mark.parametrize(
    ("expires", "known"),
    [
        (date(2026, 11, 20), "its password expired on 2026-11-20, which is the most likely cause"),
        (date(2027, 2, 1), "its password is valid until 2027-02-01, so it has not expired: first check for a lock"),
    ],
)
def test_a_refused_login_shows_what_is_known_of_the_password(expires: date, known: str) -> None:
    """SCM gives the same answer for a lock, a wrong and an expired password."""
    assert known in printed(report(error="CredentialRefused", text="refused", password_expires=expires))


def test_a_delegation_removed_during_the_run_is_noted() -> None:
    """It explains why the delegation is not in the table."""
    page = printed(report(outcome=DelegationOutcome.REMOVED, text="removed from the order book during the run"))

    assert "univ: removed from the order book during the run." in page
    assert "To do" not in page


def test_warnings_are_last_and_do_not_change_the_summary() -> None:
    """A password that expires next week needs no alarm."""
    finding = Finding("PasswordExpiring", "warning", "operator", "the password expires")

    page = printed(report(row("a", Outcome.RENEWED, not_after="2027-06-10T00:00:00+00:00"), findings=(finding,)))

    line = "warning: univ: the password expires (PasswordExpiring; for the operator; `certmandate credential univ`"
    assert line in " ".join(page.split())
    assert summary(report(row("a", Outcome.RENEWED))).plain == "Success: 1 renewed."


def test_a_run_that_failed_without_an_incident_is_no_success() -> None:
    """An outage that the daily run can await left undone what the operator named."""
    failed = replace(report(row("a", Outcome.FAILED)), outcome=RunOutcome.FAILED)

    assert summary(failed).plain == "Not everything was done, see 'For later': 1 failed."


def test_a_cause_is_one_incident_with_all_that_it_affects() -> None:
    """A finding of another name must be listed with the certificate that failed, and neither twice."""
    finding = Finding("DcvLapsed", "error", "rao", "later.univ.example has expired")

    page = printed(report(row("www", Outcome.FAILED, error="DcvLapsed"), findings=(finding,)))

    assert page.count("later.univ.example has expired") == page.count("SCM's own sentence") == 1
    assert "1 incident needs attention" in page


def test_a_cause_of_the_delegation_that_stops_one_certificate_is_named_after_it() -> None:
    """`1. univ EXPIRED on …` reads as if all certificates of the delegation had expired."""
    expired = row("old", Outcome.FAILED, error="MandateEnded", not_after="2026-11-20T00:00:00+00:00")

    page = printed(report(expired, error="MandateEnded", text="it ended on 2026-11-01"))

    assert "1. univ/old  EXPIRED on 2026-11-20 00:00Z" in page


def test_a_cause_that_stops_no_certificate_of_a_narrowed_run_is_shown_so() -> None:
    """Certificates that the run was not asked for may be due, and even expired."""
    page = printed(report(error="MandateEnded", text="it ended on 2026-11-01"))

    assert "1. univ  no certificate of this run" in page
    assert "Affects    no certificate of this run" in page


def test_a_summary_by_actor_and_cause_comes_first() -> None:
    """The operator on call reads one line and one command for each cause, before the details and the certificates."""
    rows = [row(name, Outcome.FAILED, error="CertificateMismatch") for name in ("a", "b")]

    page = printed(report(*rows, row("c", Outcome.FAILED, error="DcvLapsed")))

    assert page.split("\nDetails")[0] == (
        "\nTo do: you, the operator\n"
        "   1. univ: The certificate from SCM has another key, other names or another usage than the order;\n"
        "      nothing was stored (CertificateMismatch)\n"
        "      `certmandate close-order univ/a --reason CertificateMismatch`\n"
        "\nTo do: the RAO of Université d'Exemple, rao@univ.example\n"
        "   2. univ/c: The domain control validation (DCV) has expired, so no CA may issue for the domain\n"
        "      (DcvLapsed)\n"
        "      SCM: Domains → DCV\n"
    )
    parts = [page.index(title) for title in ("To do: ", "\nDetails", "\nCertificates\n")]
    assert parts == sorted(parts)


def test_a_refused_login_names_both_actors_and_what_each_does_first() -> None:
    """The RAO's part was left out: the operator checked a password, and no one the lock and the access list."""
    login = Finding("LoginRefused", "error", "rao", "step 5 to 8", screen=screen_of("LoginRefused"))

    page = " ".join(
        printed(report(error="CredentialRefused", text="refused", findings=(login,), address="192.0.2.1")).split()
    )

    assert "To do: you, the operator 1. univ: SCM refused the login (CredentialRefused) `certmandate credential" in page
    assert "rao@univ.example 1. univ: SCM refused the login (LoginRefused) SCM: Admins → Edit; Settings" in page
    assert "Who you, the operator Do Check the account." in page
    assert (
        "Who the RAO of Université d'Exemple, rao@univ.example Do Check that the account is neither locked nor "
        "suspended, and that the access list contains our address 192.0.2.1."
    ) in page
    assert "1 incident needs attention" in page


def test_an_order_of_no_one_names_both_actors() -> None:
    """Findings of one code may be of both: the RAO finds out whose the order is, and the operator asks."""
    found = [Finding("OrderNotOurs", "error", actor, f"of {actor}") for actor in ("rao", "operator")]

    page = printed(report(findings=(*found,)))

    heads = [line for line in page.splitlines() if line.startswith("To do")]
    assert heads == ["To do: you, the operator", "To do: the RAO of Université d'Exemple, rao@univ.example"]
    assert "Do         Find out who ordered it, and inform us." in page


@pytest.mark.parametrize("code", sorted(finding_codes() | {"ResultMissing"}))
def test_no_finding_is_unforeseen(code: str) -> None:
    """A server with another certificate, and an order of a thief, were printed as unforeseen errors."""
    page = printed(report(findings=(Finding(code, "error", "operator", "text"),)))

    assert "An unforeseen error" not in page


def test_the_page_and_the_raos_mail_have_the_same_menu_path() -> None:
    """The operator reads it to the RAO, who reads the mail."""
    for error in (DcvLapsed("…"), AddressRefused("…"), OrderDeclined("…")):
        finding = finding_from(error)
        assert finding.screen
        assert f"Where      SCM: {finding.screen}" in printed(report(row("www", Outcome.FAILED, error=finding.code)))


def test_the_page_is_plain_text_in_a_pipe() -> None:
    """Logs and mails do not show control characters."""
    page = printed(report(row("a", Outcome.FAILED, error="KeyLost")))

    assert all(character.isprintable() for line in page.splitlines() for character in line)
    assert not any(line.endswith(" ") for line in page.splitlines())


def test_the_page_has_what_was_not_verified() -> None:
    """A certificate whose endpoints no run contacts may not look like one that is served."""
    made = report(replace(row("idp", Outcome.NOT_DUE), service="not verified"))

    page = printed(replace(made, late=2, not_verified="StoreRefused: univ/sp: no permission"))

    assert "not verified: StoreRefused: univ/sp: no permission" in page
    assert "not verified in time, the next run begins with them: 2 certificates" in page
    assert "not verified: univ/idp" in page
