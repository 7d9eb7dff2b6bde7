"""What the operator is notified of: each problem once, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from renewal.domain.alerts.alert import LONGEST_SUBJECT, MOST_LISTED, Alert
from renewal.domain.alerts.crossings import Thresholds, notifiable
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.errors import PermissionMissing, StoreRefused
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import CertificateRow, DelegationOutcome, DelegationRow, Outcome, RunOutcome, RunReport
from tests.unit.system import DELEGATION, IDP, System, stored_by
from tests.unit.system import NOW as BEGINS

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIMITS = Thresholds(expiry=14 * DAY, pending=48 * HOUR, password=14 * DAY)


def a_problem(code: str = "OrderDeclined", certificate: str = "idp", **changes: Any) -> Problem:
    problem = Problem(delegation="univ", certificate=certificate, code=code, severity="error", actor="rao")
    return replace(problem, **changes)


def a_report(
    *problems: Problem, at: datetime = NOW, rows: Iterable[CertificateRow] = (), daily: bool = True, **changes: Any
) -> RunReport:
    """The report of a run that met *problems*, in the delegation `univ` unless given."""
    failed = any(problem.needs_attention for problem in problems)
    inspected = (DelegationRow(delegation="univ", outcome=DelegationOutcome.INSPECTED),)
    members: dict[str, Any] = {
        "run_id": f"run-{at:%d-%H}",
        "started_at": at,
        "finished_at": at,
        "outcome": RunOutcome.FAILED if failed else RunOutcome.SUCCEEDED,
        "is_daily": daily,
        "delegations": inspected,
        "certificates": tuple(rows),
        "problems": problems,
    }
    return RunReport(**members | changes)


def a_row(**changes: Any) -> CertificateRow:
    """A certificate that has been due for long."""
    row = CertificateRow(delegation="univ", name="idp", outcome=Outcome.PENDING, renew_at=NOW - 30 * DAY)
    return replace(row, **changes)


def notified(*reports: RunReport, known: NotifiedProblems | None = None) -> tuple[list[str], NotifiedProblems]:
    """The keys of all that is notified after *reports* in turn, and what is remembered."""
    memory, keys = known or NotifiedProblems(), []
    for report in reports:
        problems = notifiable(report, LIMITS)
        news = memory.news(problems)
        keys += [problem.key for problem in news]
        memory = memory.after(report, problems, news)
    return keys, memory


# ---- What is notified ------------------------------------------------------------------------------------------------


def test_a_second_old_order_is_notified_like_the_first() -> None:
    """Fault N1: one number over all delegations hid every order after the first that was stuck."""
    first, second = a_row(ordered_at=NOW), a_row(name="www", ordered_at=NOW + 10 * DAY)
    days = (NOW + number * DAY for number in range(60))

    keys, _ = notified(*(a_report(at=at, rows=(first, second) if at >= NOW + 10 * DAY else (first,)) for at in days))

    assert keys == ["univ/idp: OrderPending", "univ/www: OrderPending"]


def test_a_certificate_near_its_end_is_notified_once_with_what_stops_it() -> None:
    """The cause was notified weeks ago; now it is urgent."""
    blocked = a_problem("DcvLapsed", text="a validation expired", command="certmandate show univ/idp")
    row = a_row(not_after=NOW + 20 * DAY)

    keys, _ = notified(*(a_report(blocked, at=NOW + number * DAY, rows=[row]) for number in range(20)))
    near = notifiable(a_report(blocked, at=NOW + 6 * DAY, rows=[row]), LIMITS)[-1]

    assert keys == ["univ/idp: DcvLapsed", "univ/idp: CertificateNearExpiry"]
    assert (near.text, near.command, near.actor) == (
        "expires on 2026-12-13 04:30Z; DcvLapsed: a validation expired",
        "certmandate show univ/idp",
        "rao",
    )


def test_a_certificate_near_its_end_has_the_remedy_of_what_stops_it() -> None:
    """Of one that needs no page of SCM, too: the operator was told to reply to the operator."""
    ended = a_problem("MandateEnded", actor="operator")
    row = a_row(not_after=NOW + DAY)

    near = notifiable(a_report(ended, rows=[row]), LIMITS)[-1]

    assert (near.code, near.command, near.remedy) == ("CertificateNearExpiry", "", ended.remedy)
    assert "\n  Not in SCM: extend the mandate in writing\n" in text_of(near).text


def test_an_old_order_whose_trouble_is_known_is_not_notified_again() -> None:
    """Its certificate is issued and cannot be stored: that it was ordered two days ago is no news."""
    trouble = a_problem("CertificateMismatch", actor="operator")
    down = a_problem("ScmUnavailable", severity="warning")
    failed = a_row(outcome=Outcome.FAILED, ordered_at=NOW)
    days = [NOW + number * DAY for number in range(6)]

    keys, known = notified(
        *(a_report(trouble, at=at, rows=[failed]) for at in days[:4]),
        a_report(down, trouble, at=days[4], rows=[failed]),
    )
    later, _ = notified(a_report(at=days[5], rows=[a_row(ordered_at=NOW)]), known=known)

    assert keys == [trouble.key, down.key]
    assert later == ["univ/idp: OrderPending"]


@pytest.mark.parametrize(
    ("outcome", "other"),
    [(Outcome.PENDING, "StoreDrifted"), (Outcome.FAILED, "ScmUnavailable"), (Outcome.FAILED, "OrderPending")],
)
def test_an_old_order_is_notified_beside_what_does_not_explain_it(outcome: Outcome, other: str) -> None:
    """A finding about what is stored, or a day without an answer of SCM, is not why an order is old."""
    beside = a_problem(other)
    row = a_row(outcome=outcome, ordered_at=NOW - 3 * DAY)

    keys, _ = notified(a_report(beside, rows=[row]))

    assert set(keys) == {beside.key, "univ/idp: OrderPending"}


def test_a_replaced_arn_is_notified_at_once_and_when_time_is_short() -> None:
    """A load balancer is changed at leisure; other warnings with a day wait for it, since `status` has them."""
    early = a_problem("ArnReplaced", severity="warning", actor="operator", act_by=date(2026, 12, 20))
    other = replace(early, code="MandateEnding")
    late = replace(early, severity="error")

    keys, _ = notified(a_report(early, other), a_report(early, other, at=NOW + DAY), a_report(late, at=NOW + 27 * DAY))

    assert keys == [early.key, late.key]


def test_an_old_order_that_was_notified_is_not_again_after_another_trouble() -> None:
    """The account was refused for two days: the order has waited all the while."""
    refused, order = a_problem("CredentialRefused"), a_row(ordered_at=NOW - 3 * DAY)
    waiting = a_report(rows=[order])
    shut_out = a_report(refused, at=NOW + DAY, rows=[replace(order, outcome=Outcome.FAILED)])

    keys, _ = notified(waiting, shut_out, replace(waiting, finished_at=NOW + 2 * DAY))

    assert keys == ["univ/idp: OrderPending", refused.key]


@pytest.mark.parametrize(
    ("due_for", "left", "is_notified"),
    [(0 * DAY, 10 * DAY, False), (2 * DAY, 8 * DAY, True), (2 * DAY, 15 * DAY, False), (30 * DAY, -DAY, True)],
)
def test_a_short_term_is_near_its_end_when_it_is_overdue(
    due_for: timedelta, left: timedelta, is_notified: bool
) -> None:
    """A certificate of 30 days is due at 10: every renewal of a healthy estate would be notified."""
    row = a_row(renew_at=NOW - due_for, not_after=NOW + left)

    assert bool(notifiable(a_report(rows=[row]), LIMITS)) is is_notified


def test_a_password_near_its_end_is_notified() -> None:
    """Its rotation has failed; nothing else has."""
    expiring = DelegationRow(
        delegation="univ", outcome=DelegationOutcome.INSPECTED, password_expires=NOW.date() + 14 * DAY
    )
    judged = a_problem(
        "PasswordExpiring", "", severity="warning", actor="operator", command="certmandate credential univ --rotate"
    )

    (found,) = notifiable(a_report(judged, delegations=(expiring,)), LIMITS)

    assert (found.key, found.severity, found.command) == ("univ: PasswordExpiring", "warning", judged.command)


@pytest.mark.parametrize(("days", "text"), [(0, "expires on 2026-11-23"), (-1, "expired on 2026-11-22")])
def test_a_password_that_has_expired_is_not_announced(days: int, text: str) -> None:
    """An alert wrote that it expires, on a day of last week."""
    row = DelegationRow(
        delegation="univ", outcome=DelegationOutcome.INSPECTED, password_expires=NOW.date() + days * DAY
    )

    (found,) = notifiable(a_report(delegations=(row,)), LIMITS)

    assert found.text == f"the account's password {text}"


def test_a_verification_of_endpoints_that_failed_is_notified() -> None:
    """It fails no run, and each later one fails in the same way."""
    failed = [a_report(at=NOW + number * DAY, not_verified="StoreRefused: no permission") for number in range(3)]

    keys, _ = notified(*failed)

    assert keys == [": StoreRefused"]


def test_a_warning_is_not_notified_before_it_needs_attention() -> None:
    """A validation that expires in a month is the RAO's, who is asked by mail."""
    warning = a_problem("DcvExpiring", severity="warning", act_by=NOW.date())

    keys, _ = notified(a_report(warning), a_report(replace(warning, severity="error"), at=NOW + DAY))

    assert keys == ["univ/idp: DcvExpiring"]


def test_a_warning_that_no_date_makes_an_error_is_notified() -> None:
    """What the account may do beyond the mandate, a certificate that SCM no longer lists, a mail that bounced."""
    found = [
        a_problem(code, severity="warning") for code in ("PrivilegeExtra", "RaoMailUndelivered", "ServedNotListed")
    ]

    keys, _ = notified(a_report(*found), a_report(*found, at=NOW + DAY))

    assert keys == [problem.key for problem in found]


def test_an_outage_is_notified_at_once_and_when_it_needs_attention() -> None:
    """A run that succeeds is not silent about it, and the alarm goes off when little life is left."""
    outage = a_problem("ScmUnavailable", severity="warning", act_by=NOW.date() + 30 * DAY)
    urgent = replace(outage, severity="error")
    reports = [a_report(outage, at=NOW + number * DAY) for number in range(3)]

    keys, known = notified(*reports, a_report(urgent, at=NOW + 3 * DAY), a_report(urgent, at=NOW + 4 * DAY))

    assert keys == 2 * [outage.key]
    assert known.problems[outage.key].failed_by == "run-27-04"


def test_an_outage_that_failed_no_run_covers_no_failure() -> None:
    """The first run for which it needs attention fails, although it is an hourly one."""
    outage = a_problem("ScmUnavailable", severity="warning", act_by=NOW.date() + DAY)
    _, known = notified(a_report(outage))

    assert not known.covers(a_report(replace(outage, severity="error"), at=NOW + HOUR))


def test_the_second_order_of_a_thief_is_notified_like_the_first() -> None:
    """The finding about the first order has the same code and path, and lasts."""
    first, second, third = (a_problem("OrderNotOurs", about=str(number)) for number in (101, 102, 103))

    keys, _ = notified(a_report(first, second), a_report(first, second, third, at=NOW + DAY))

    assert keys == [problem.key for problem in (first, second, third)]


def test_what_an_alert_has_no_room_for_is_in_the_next_one_and_security_is_in_the_first() -> None:
    """A hundred accounts were refused at once, on the day on which a credential was stolen."""
    refused = [a_problem("CredentialRefused", delegation=f"d{number:03}") for number in range(MOST_LISTED + 40)]
    stolen = a_problem("OrderNotOurs", delegation="z", is_security=True)
    report = a_report(*refused, stolen)
    problems = notifiable(report, LIMITS)
    news = NotifiedProblems().news(problems)

    memory = NotifiedProblems().after(report, problems, news[:MOST_LISTED])

    assert news[0] == stolen
    assert set(memory.news(problems)) == set(news[MOST_LISTED:])


def test_a_problem_that_becomes_more_severe_is_notified_again() -> None:
    """An old order that now needs attention is news."""
    row = a_row(ordered_at=NOW - 3 * DAY)
    judged = a_problem("OrderPending", severity="info")

    keys, memory = notified(
        a_report(judged, rows=[row]), a_report(replace(judged, severity="error"), at=NOW + DAY, rows=[row])
    )

    assert keys == 2 * ["univ/idp: OrderPending"]
    (known,) = memory.problems.values()
    assert (known.severity, known.first, known.last) == ("error", NOW, NOW + DAY)


# ---- What is remembered ----------------------------------------------------------------------------------------------


def test_a_problem_that_returns_is_notified_again() -> None:
    """A daily report without it has resolved it."""
    problem = a_problem()

    keys, _ = notified(a_report(problem), a_report(at=NOW + DAY), a_report(problem, at=NOW + 2 * DAY))

    assert keys == 2 * [problem.key]


def test_a_problem_that_had_time_again_is_notified_again() -> None:
    """A validation of ten days is renewed, and its certificate lasts longer: the RAO must act on a later day again."""
    urgent = a_problem("DcvLapsing")
    has_time = replace(urgent, severity="warning", act_by=NOW.date() + 10 * DAY)

    keys, _ = notified(a_report(urgent), a_report(has_time, at=NOW + DAY), a_report(urgent, at=NOW + 10 * DAY))

    assert keys == 2 * [urgent.key]


def test_a_day_without_an_answer_of_scm_resolves_nothing() -> None:
    """The delegation was not inspected: its problems would be notified again the day after."""
    problem, down = a_problem(), a_problem("ScmUnavailable", "")
    failed = DelegationRow(delegation="univ", outcome=DelegationOutcome.FAILED, error="ScmUnavailable")

    keys, _ = notified(
        a_report(problem), a_report(down, at=NOW + DAY, delegations=(failed,)), a_report(problem, at=NOW + 2 * DAY)
    )

    assert keys == [problem.key, down.key]


def test_an_hourly_report_resolves_what_it_has_worked_on_only() -> None:
    """It has the delegations with open orders, and no others."""
    idp, www = a_problem(), a_problem(certificate="www")
    _, known = notified(a_report(idp, www))

    renewed = a_row(outcome=Outcome.RENEWED)
    _, after = notified(a_report(at=NOW + HOUR, rows=[renewed], daily=False), known=known)

    assert set(after.problems) == {www.key}


@pytest.mark.parametrize(("hours", "is_covered"), [(1, True), (23, True), (24, False), (-1, False)])
def test_a_failure_of_the_last_day_is_covered(hours: int, is_covered: bool) -> None:
    """RunFailed reminds once a day; a time that a wrong clock has recorded covers nothing."""
    problem = a_problem()
    _, known = notified(a_report(problem))

    assert known.covers(a_report(problem, at=NOW + hours * HOUR)) is is_covered


def test_the_attempt_of_a_run_does_not_cover_the_next_one() -> None:
    """The report is written again when its answer was lost: the run must still fail."""
    report = a_report(a_problem())
    _, known = notified(report)

    assert not known.covers(report)


def test_a_new_failure_beside_a_known_one_is_not_covered() -> None:
    """It fails the run that meets it."""
    known = notified(a_report(a_problem()))[1]

    assert not known.covers(a_report(a_problem(), a_problem(certificate="www"), at=NOW + HOUR))


# ---- The text --------------------------------------------------------------------------------------------------------


def text_of(*problems: Problem, **changes: Any) -> Alert:
    return Alert.of(problems, a_report(*problems, **changes), "certmandate", "runs/run/report.json")


def test_a_notice_has_all_that_is_needed_to_act() -> None:
    """It is read on a telephone, at night."""
    declined = a_problem(
        text="an administrator declined the order",
        act_by=date(2026, 12, 1),
        consequence=Consequence.EXPIRES,
        consequence_on=date(2026, 12, 13),
        screen="Certificates → SSL Certificates",
    )
    refused = a_problem("CredentialRefused", "", actor="operator", command="certmandate credential univ")

    alert = text_of(declined, refused)

    assert alert.subject == "[certmandate] 2 problems, OrderDeclined: univ/idp, ..."
    assert alert.text.splitlines() == [
        "Stack certmandate, run run-23-04, 2026-11-23 04:30Z.",
        "",
        "CredentialRefused",
        "- univ: the operator must act now",
        "  Run: certmandate credential univ",
        "",
        "OrderDeclined",
        "- univ/idp: the RAO must act now (2026-12-01 is the last day to begin in time)",
        "  an administrator declined the order",
        "  Otherwise the certificate expires on 2026-12-13.",
        "  SCM: Certificates → SSL Certificates",
        "",
        "What each name means, and what to do: docs/runbook.md.",
        "All that is open: certmandate status. This run: runs/run/report.json",
        "Each problem is notified once, and again when it becomes more severe or returns.",
    ]


def test_a_remedy_is_a_command_a_page_or_the_reason_for_neither() -> None:
    """`Do: SCM: …` and `Do: nothing to do` were printed."""
    ending = a_problem("MandateEnding", "", severity="warning", act_by=date(2026, 12, 1))
    rotated = a_problem("PasswordRotation", "", actor="operator", severity="info")

    assert text_of(ending).text.splitlines()[3:5] == [
        "- univ: the RAO must begin by 2026-12-01",
        "  Not in SCM: extend the mandate in writing",
    ]
    assert "\n  Nothing to do\n" in text_of(rotated).text


def test_a_day_that_has_passed_is_none_to_wait_for() -> None:
    """An alert named the day on which a certificate had expired as the one by which to act."""
    late = a_problem(
        "CertificateNearExpiry",
        severity="warning",
        act_by=NOW.date() - 4 * DAY,
        consequence=Consequence.EXPIRES,
        consequence_on=NOW.date(),
    )

    assert text_of(late).text.splitlines()[3:5] == [
        "- univ/idp: the RAO must act now",
        f"  The certificate expired on {NOW.date()}.",
    ]


def test_a_cause_is_described_once_for_all_that_it_stops() -> None:
    """The text about a refused login was repeated for each certificate of the delegation."""
    refused = a_problem("CredentialRefused", "", actor="operator", text="SCM refused it", command="certmandate x")
    stopped = replace(refused, certificate="idp", consequence=Consequence.EXPIRES, consequence_on=date(2026, 12, 13))
    another = replace(refused, delegation="college")

    assert text_of(stopped, refused, another).text.splitlines()[2:12] == [
        "CredentialRefused",
        "- college: the operator must act now",
        "  SCM refused it",
        "  Run: certmandate x",
        "- univ: the operator must act now",
        "  SCM refused it",
        "  Run: certmandate x",
        "- univ/idp: the operator must act now",
        "  The same cause.",
        "  Otherwise the certificate expires on 2026-12-13.",
    ]


def test_accounts_that_are_refused_at_once_have_one_cause() -> None:
    """Twenty refusals are one incident: the address, not twenty passwords."""
    refused = [a_problem("CredentialRefused", "", delegation=f"univ{number}") for number in range(20)]

    alert = text_of(*refused, common_cause="SCM refused all 20 accounts at once: most likely the address")

    assert alert.text.splitlines()[1] == "SCM refused all 20 accounts at once: most likely the address"
    assert alert.text.count("CredentialRefused") == 1
    assert alert.text.count("\n- univ") == 20


def test_a_notice_is_bounded_and_counts_what_it_leaves_out() -> None:
    """SNS refuses a message above 256 KB, and a subject of 100 characters."""
    long = a_problem(text="x" * 5_000, screen="y" * 5_000, command="z" * 5_000)
    many = [replace(long, certificate=f"{'a' * 60}{number}") for number in range(1_000)]

    alert = text_of(*many)

    assert (
        f"{1_000 - MOST_LISTED} more problems are not listed, and the next run sends them: certmandate status"
        in alert.text
    )
    assert len(alert.text.encode()) < 256 * 1024
    assert len(alert.subject) == LONGEST_SUBJECT


def test_a_subject_is_one_line_of_printable_ascii() -> None:
    """SNS refuses line breaks and control characters, and some subscribers all but ASCII."""
    alert = text_of(a_problem("École\n\x1b]0;X\a", ""))

    assert alert.subject.isascii()
    assert alert.subject.isprintable()
    assert "\x1b" not in alert.text


def test_a_rule_that_cannot_be_read_concerns_all_delegations() -> None:
    """It has no path."""
    assert text_of(a_problem("RecordUnreadable", "", delegation="")).subject.endswith(
        "RecordUnreadable: all delegations"
    )


# ---- The step ------------------------------------------------------------------------------------------------------


@pytest.fixture
def system() -> System:
    """One delegation with a certificate that was never stored."""
    made = System()
    made.add(IDP)
    return made


def subjects(system: System) -> list[str]:
    """What was sent, in order."""
    return [alert.subject for alert in system.alerts.sent]


def test_a_second_delegation_whose_order_is_not_approved_is_notified(system: System) -> None:
    """Fault N1: B expired on day 197 while 229 of 229 runs succeeded, because A's order was old already."""
    system.scm.polls = 10_000
    system.daily_run()
    web = replace(IDP, delegation="campus", name="web", names=("web.apps.univ.example",))
    system.add(web, delegation=replace(DELEGATION, name="campus", department_id=1700))
    system.book.adopt(("campus", "web"), replace(stored_by(web, age=140), ssl_id=0), BEGINS)  # 0: not compared

    for _ in range(60):
        system.clock.advance(days=1)
        system.daily_run()

    assert subjects(system) == [
        "[certmandate] OrderPending: univ/idp",
        "[certmandate] OrderPending: campus/web",
        "[certmandate] OrderPending: univ/idp",  # for longer than the RAO takes
        "[certmandate] OrderPending: campus/web",  # a tenth of the lifetime is left
        "[certmandate] CertificateNearExpiry: campus/web",
    ]


def test_a_healthy_estate_is_never_notified_of(system: System) -> None:
    """An alert must mean something."""
    for _ in range(5):
        system.daily_run()
        system.clock.advance(days=40)

    assert subjects(system) == []


def test_a_notice_that_is_not_accepted_fails_the_step_and_is_sent_again(system: System) -> None:
    """Only what SNS has accepted is remembered."""
    system.scm.answers["enroll"] = PermissionMissing("the account may not order")
    system.alerts.error = StoreRefused("sns:Publish")
    with pytest.raises(StoreRefused):
        system.daily_run()
    system.alerts.error = None

    system.daily_run()
    system.daily_run()

    assert subjects(system) == ["[certmandate] PermissionMissing: univ/idp"]
