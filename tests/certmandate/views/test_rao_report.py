"""The RAO's report: every order and every refusal of a month, from the audit rows alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certmandate.views.rao_report import RaoReport, document, month_before, month_named, page, rao_report
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from tests.certmandate.rao_samples import DELEGATION, HOSTILE, IDP, NOW, month, record, row, served
from tests.unit.orders import an_order


def of(*rows: FinishedOrder, name: str = "2026-11", **changes: Any) -> RaoReport:
    delegation = replace(DELEGATION, **changes)
    managed = [ManagedCertificate(IDP, served(IDP, NOW - timedelta(days=10)))]
    return rao_report(record(delegation=delegation), managed, rows, month_named(name), NOW)


def test_what_was_ordered_and_what_was_refused_is_told() -> None:
    """A report that leaves out a refusal is of no use as proof."""
    told = document(month())

    assert [(one["certificate"], one["causes"], one["stores"]) for one in told["orders"]] == [
        ("idp", ["age"], ["s3", "acm:eu-west-3"])
    ]
    assert [(one["certificate"], one["error"]) for one in told["refusals"]] == [("apps", "NameNotDelegated")]
    assert [one["certificate"] for one in told["under_way"]] == ["apps"]
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("ended_at", "is_told"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 1, tzinfo=UTC), True),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 12, 1, tzinfo=UTC), False),
    ],
)
def test_a_month_is_a_month_in_utc(ended_at: datetime, *, is_told: bool) -> None:
    """Twelve reports have every order once."""
    assert bool(of(row(ended_at=ended_at)).orders) is is_told


def test_december_is_followed_by_january() -> None:
    """And the last month that is over is the one before."""
    assert month_named("2026-12").ends == datetime(2027, 1, 1, tzinfo=UTC)
    assert str(month_before(datetime(2027, 1, 1, tzinfo=UTC))) == "2026-12"


def test_the_next_renewal_is_the_day_on_which_the_run_will_order() -> None:
    """Computed by the very rule that decides what is due."""
    (found,) = of().nexts

    assert found.renewal is not None
    assert date(2027, 3, 1) < found.renewal < date(2027, 5, 31)


def test_nothing_is_announced_beyond_the_mandates_end() -> None:
    """Nothing is ordered after it."""
    (found,) = of(mandate_ends=date(2027, 1, 31)).nexts

    assert found.renewal is None


def test_a_month_that_is_not_over_says_so() -> None:
    """It must not be filed as the whole month."""
    assert "Le mois n&#39;est pas terminé" in page(of())
    assert "Le mois n&#39;est pas terminé" not in page(of(name="2026-10"))


def test_the_page_has_it_all_in_both_languages() -> None:
    """Serial, names, reason, stores."""
    made = page(month()).replace("<wbr>", "")

    for text in ("C0FFEE00D15EA5E00C0FFEE00D15EA5E", "acm:eu-west-3", "idp.univ.example"):
        assert made.count(text) >= 2
    assert "due by age" in made
    assert "échéance de renouvellement atteinte" in made


def test_the_operators_reason_is_told_with_the_cause() -> None:
    """The operator asked for it: and why?"""
    made = of(row(causes=("asked",), reason="laptop <stolen>"))

    assert 'à la demande de l&#39;exploitant\u00a0: <span class="any">laptop &lt;stolen&gt;</span>' in page(made)
    assert document(made)["orders"][0]["reason"] == "laptop <stolen>"


def test_a_certificate_that_does_not_fit_is_not_called_pending() -> None:
    """The CA has done its part; the RAO may have to revoke what it made."""
    order = an_order(certificate="idp", status=OrderStatus.ORDERED, ssl_id=4002)
    now, then = (
        rao_report(record(), [ManagedCertificate(IDP, None, one)], [], month_named("2026-11"), NOW)
        for one in (order, replace(order, trouble="CertificateMismatch"))
    )

    assert "en attente de l&#39;autorité de certification" in page(now)
    assert "en attente" not in page(then)
    assert "SCM a émis un certificat différent de la demande" in page(then)
    assert document(then)["under_way"][0]["trouble"] == "CertificateMismatch"


def test_no_comment_is_promised_of_a_certificate_that_was_taken_over() -> None:
    """Whoever looks for it would take an adopted certificate for a stranger's."""
    assert "ceux que nous avons repris" in " ".join(page(of()).split())


def test_a_name_is_broken_after_its_dots() -> None:
    """`archives.valombre.e/xample` is read as another name; and a hostile one stays text all the same."""
    made = page(of(row(names=("archives.valombre.example", "<b>.example"))))

    assert "<code>archives.<wbr>valombre.<wbr>example</code>" in made
    assert "<code>&lt;b&gt;.<wbr>example</code>" in made


def test_a_hostile_answer_or_name_injects_nothing() -> None:
    """SCM's sentences and an organisation's name stand in the page."""
    made = page(month(organisation=HOSTILE))

    assert "<script" not in made
    assert "alert(1)" in made


def test_every_day_on_the_page_is_in_words() -> None:
    """One page, one way to write a day; and a RAO does not have to guess which of two numbers is the month."""
    made = page(month())

    assert not re.search(r"\d{4}-\d{2}-\d{2}", made)
    assert "23 novembre 2026 à 7\u00a0h\u00a000 → 8\u00a0h\u00a000" in made
    assert "23 November 2026, 07:00 → 08:00" in made


def test_an_empty_month_is_a_report_too() -> None:
    """That nothing was ordered is what the RAO wants to know."""
    made = page(of(name="2026-10"))

    assert "Nothing was ordered in this month." in made
    assert "Nothing was refused in this month." in made
