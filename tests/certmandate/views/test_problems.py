"""A problem as a line of text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from certmandate.views.problems import problem_lines
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.problem import Problem, problem_of
from renewal.domain.setup.finding import Finding
from tests.unit.system import managed

DAY = date(2026, 11, 30)
PROBLEM = Problem(
    delegation="univ", certificate="idp", code="RenewalOverdue", severity="error", actor="operator", text="it is due",
    due=DAY, consequence=Consequence.EXPIRES, consequence_on=DAY, command="certmandate renew univ/idp",
)  # fmt: skip


def line(problem: Problem, today: date) -> str:
    """The one line about *problem*."""
    (only,) = problem_lines([problem], today)
    return only


def test_what_has_happened_is_not_announced() -> None:
    """`status` printed "otherwise the certificate expires on" a day of last week."""
    before, after = line(PROBLEM, DAY - timedelta(days=1)), line(PROBLEM, DAY)

    assert before == (
        "error: univ/idp: it is due (RenewalOverdue; for the operator now; `certmandate renew univ/idp`; "
        "otherwise the certificate expires on 2026-11-30)"
    )
    assert after == (
        "error: univ/idp: it is due (RenewalOverdue; for the operator now; `certmandate renew univ/idp`; "
        "the certificate expired on 2026-11-30)"
    )


def test_what_goes_on_has_its_first_day() -> None:
    """Orders stop once. The mandate and a password still count on their last day, and a run may have ordered."""
    stopped = replace(PROBLEM, certificate="", consequence=Consequence.ORDERS_STOP)

    assert line(stopped, DAY - timedelta(days=1)).endswith(
        "otherwise no more certificates are ordered from 2026-11-30)"
    )
    assert line(stopped, DAY).endswith("otherwise no more certificates are ordered from 2026-11-30)")
    assert line(stopped, DAY + timedelta(days=1)).endswith(
        "`certmandate renew univ/idp`; orders stopped on 2026-11-30)"
    )


def test_one_cause_is_one_line_with_all_that_it_stops() -> None:
    """The long text about a refused login was printed for the delegation and for each of its certificates.

    The line has the nearest expiry: a certificate that was never stored hid it.
    """
    refused = replace(PROBLEM, certificate="", code="CredentialRefused", text="SCM refused it", command="certmandate x")
    refused = replace(refused, due=None, consequence=Consequence.NO_CERTIFICATE, consequence_on=None)
    new, later = replace(refused, certificate="new"), replace(PROBLEM, certificate="later", due=DAY + timedelta(days=9))
    stopped = replace(refused, certificate="idp", consequence=Consequence.EXPIRES, consequence_on=DAY)
    many = [replace(refused, certificate=f"c{number}") for number in range(10)]

    lines = [*problem_lines([new, later, refused, stopped], DAY)]
    (long,) = problem_lines(many, DAY)

    assert [text.partition(": it is")[0].partition(": SCM")[0] for text in lines] == [
        "error: univ (new, idp)",
        "error: univ/later",
    ]
    assert lines[0].endswith(
        "(CredentialRefused; for the operator now; `certmandate x`; "
        "the certificate expired on 2026-11-30, and new has none)"
    )
    assert long.startswith("error: univ (c0, c1, c2, c3, c4, c5, c6, c7 and 2 more): SCM refused it")


def test_another_action_is_another_line() -> None:
    """Two certificates that are renewed by two commands are two tasks, and so are those of two delegations."""
    www = replace(PROBLEM, certificate="www", command="certmandate renew univ/www")
    another = replace(PROBLEM, delegation="college")

    assert len([*problem_lines([PROBLEM, www, another], DAY)]) == 3


@pytest.mark.parametrize(
    ("code", "otherwise"),
    [
        ("CredentialUntried", "otherwise the next daily run tries it"),
        ("NotRevoked", "otherwise anyone who has its key can impersonate the service"),
        ("NotVerified", "otherwise clients may meet another certificate"),
        ("OrdersBefore", ""),
        ("RaoMailUndelivered", "otherwise the RAO does not learn what they must do"),
        ("SearchUnproven", "otherwise an order whose answer is lost waits for the operator"),
    ],
)
def test_what_happens_otherwise_is_true_of_the_code(code: str, otherwise: str) -> None:
    """A key that is compromised let "more be ordered than was agreed", and a mail that bounced a certificate expire."""
    finding = Finding(code, "warning", "operator", "text")

    assert problem_of(finding, "univ", [managed(age=20)], DAY, ActingTimes()).otherwise(DAY) == otherwise


def test_the_soonest_consequence_comes_first() -> None:
    """A certificate with two days left was below every new service whose first order had failed."""
    day = DAY
    expires = Problem(code="today", severity="error", actor="rao", consequence=Consequence.EXPIRES, consequence_on=day)
    found = [
        replace(expires, code="later", severity="warning", act_by=day),
        replace(expires, code="never", consequence=Consequence.NO_CERTIFICATE, consequence_on=None),
        replace(expires, code="soon", consequence_on=day + timedelta(days=2), act_by=day),
        replace(expires, code="OrderNotOurs", consequence=Consequence.MISUSE, consequence_on=None),
        expires,
    ]

    listed = sorted(found, key=lambda each: each.urgency(day))

    assert [each.code for each in listed] == ["today", "OrderNotOurs", "soon", "never", "later"]
