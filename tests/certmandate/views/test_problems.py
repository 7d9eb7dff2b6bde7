"""A problem as a line of text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from certmandate.views.problems import problem_line
from renewal.domain.judgement.problem import Consequence, Problem

DAY = date(2026, 11, 30)
PROBLEM = Problem(
    delegation="univ", certificate="idp", code="RenewalOverdue", severity="error", actor="operator", text="it is due",
    due=DAY, consequence=Consequence.EXPIRES, consequence_on=DAY, command="certmandate renew univ/idp",
)  # fmt: skip


def test_what_has_happened_is_not_announced() -> None:
    """`status` printed "otherwise the certificate expires on" a day of last week."""
    before, after = problem_line(PROBLEM, DAY - timedelta(days=1)), problem_line(PROBLEM, DAY)

    assert before == (
        "error: univ/idp: it is due (RenewalOverdue; for the operator by 2026-11-30; certmandate renew univ/idp; "
        "otherwise the certificate expires on 2026-11-30)"
    )
    assert after == (
        "error: univ/idp: it is due (RenewalOverdue; for the operator; certmandate renew univ/idp; "
        "the certificate expired on 2026-11-30)"
    )


def test_what_goes_on_has_its_first_day() -> None:
    """Orders stop once, and nothing can be ordered from then on."""
    stopped = replace(PROBLEM, certificate="", consequence=Consequence.ORDERS_STOP)

    assert problem_line(stopped, DAY).endswith("otherwise no more certificates are ordered from 2026-11-30)")
