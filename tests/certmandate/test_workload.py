"""The work ahead: the calendar of public TLS played forward."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from certmandate.cli import main
from certmandate.workload import HORIZON, Known, Start, order_days, starts_of_book, starts_of_files, workload
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.snapshot import DelegatedName
from tests.certmandate.rao_samples import DELEGATION, IDP, NOW, record, served

TODAY = NOW.date()
START = Start(IDP, "Université d'Exemple", ("idp.univ.example",), TODAY, None)
CAMPUS = Path(__file__).parents[2] / "examples" / "campus" / "delegations"


def gaps(days: list[date]) -> list[int]:
    return [(after - before).days for before, after in pairwise(days)]


def test_each_phase_renews_after_two_thirds_of_its_own_lifetime() -> None:
    """199, 99 and 46 days; the spread takes up to a fifth of the last third."""
    days = list(order_days(START, HORIZON))
    by_phase = Counter(day.year for day in days)

    assert gaps(days)[0] in range(132, 148)
    assert set(gaps([day for day in days if date(2027, 6, 1) < day < date(2029, 1, 1)])) <= set(range(65, 74))
    assert set(gaps([day for day in days if day.year == 2030])) <= set(range(30, 35))
    assert by_phase[2030] > 10


def test_no_order_is_counted_after_the_mandates_end() -> None:
    """Nothing is ordered after it."""
    days = list(order_days(replace(START, ends=date(2027, 6, 1)), HORIZON))

    assert max(days) <= date(2027, 6, 1)


def test_a_shorter_term_is_the_certificates_own() -> None:
    """`term_days` is an upper bound, and stays one."""
    assert set(gaps(list(order_days(replace(START, spec=replace(IDP, term_days=30)), HORIZON)))) <= set(range(19, 23))


def test_from_2029_every_order_needs_a_fresh_domain_validation() -> None:
    """Ten days of reuse against a renewal a month: validations become the work."""
    work = workload([START], Known(), HORIZON)
    late = [day for day in work.orders if day >= date(2029, 5, 1)]

    assert sum(work.domains[day] for day in late) == len(late)
    assert sum(number for day, number in work.domains.items() if day < date(2029, 1, 1)) < sum(
        number for day, number in work.orders.items() if day < date(2029, 1, 1)
    )


def test_a_validation_that_holds_is_not_made_again() -> None:
    """What SCM showed of the department is where the work begins."""
    found = record()
    assert found.inspection is not None
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", TODAY + timedelta(days=100))
    seen = replace(found.inspection, delegated=(entry,), organisation_validated_until=TODAY + timedelta(days=300))
    estate = [(replace(found, inspection=seen), (ManagedCertificate(IDP),))]
    starts, known = starts_of_book(estate, NOW)
    work = workload(starts, known, TODAY + timedelta(days=7))

    assert (sum(work.orders.values()), sum(work.domains.values()), sum(work.organisations.values())) == (1, 0, 0)


def test_what_is_served_is_renewed_when_it_is_due_and_not_today() -> None:
    """The order book knows when each was issued."""
    managed = ManagedCertificate(IDP, served(IDP, NOW))

    (start,), _ = starts_of_book([(record(), (managed,))], NOW)

    assert TODAY + timedelta(days=120) < start.first < TODAY + timedelta(days=160)


def test_quarters_hold_every_order_once() -> None:
    """The table must add up."""
    work = workload(starts_of_files([(DELEGATION, (IDP, replace(IDP, name="b")))], TODAY), Known(), HORIZON)
    periods = work.periods(TODAY, HORIZON)

    assert sum(one.orders for one in periods) == sum(work.orders.values())
    assert sum(number for _, number in work.weeks(TODAY, HORIZON)) == sum(work.orders.values())
    assert [periods[0].name, periods[-1].name] == ["2026 Q4", "2030 Q4"]
    assert max(one.imports_a_year for one in periods) <= 26


def test_the_command_tells_table_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Planners want the figures, and the assumptions with them."""
    assert main(["calendar", str(CAMPUS)]) == 0
    table = capsys.readouterr().out
    assert main(["calendar", str(CAMPUS), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert "2029 Q2" in table
    assert told["certificates"] == 15
    assert told["assumptions"]
    assert "annual" not in table.lower()


def test_files_that_cannot_be_read_are_told_with_line_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same sentences as everywhere."""
    (tmp_path / "u.yaml").write_text("delegation: U\n", encoding="utf-8")

    assert main(["calendar", str(tmp_path)]) == 2
    assert "u.yaml:1: delegation: must be" in capsys.readouterr().err
