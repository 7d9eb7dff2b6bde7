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
from renewal.domain.setup.persistent_dcv import PersistentRecord
from renewal.domain.setup.snapshot import DelegatedName
from tests.certmandate.rao_samples import DELEGATION, IDP, record
from tests.unit.system import NOW, stored_by

TODAY = NOW.date()
START = Start(IDP, "Université d'Exemple", ("idp.univ.example",), TODAY, None)
CAMPUS = Path(__file__).parents[2] / "examples" / "campus" / "delegations"


def gaps(days: list[date]) -> list[int]:
    return [(after - before).days for before, after in pairwise(days)]


def test_each_phase_renews_after_two_thirds_of_its_lifetime() -> None:
    """199, 99 and 46 days; the spread is up to a fifth of the last third."""
    days = list(order_days(START, HORIZON))
    by_phase = Counter(day.year for day in days)

    assert gaps(days)[0] in range(132, 148)
    assert set(gaps([day for day in days if date(2027, 6, 1) < day < date(2029, 1, 1)])) <= set(range(65, 74))
    assert set(gaps([day for day in days if day.year == 2030])) <= set(range(30, 35))
    assert by_phase[2030] > 10


def test_the_mandates_end_and_a_shorter_term_limit_the_orders() -> None:
    """Nothing is ordered after the mandate; `term_days` is an upper bound."""
    short = list(order_days(replace(START, spec=replace(IDP, term_days=30)), HORIZON))

    assert max(order_days(replace(START, ends=date(2027, 6, 1)), HORIZON)) <= date(2027, 6, 1)
    assert set(gaps(short)) <= set(range(19, 23))


def test_from_2029_every_order_needs_a_new_domain_validation() -> None:
    """A validation is reused for ten days, and a certificate is renewed every month."""
    work = workload([START], Known(), HORIZON)
    late = [day for day in work.orders if day >= date(2029, 5, 1)]

    assert sum(work.domains[day] for day in late) == len(late)
    assert sum(number for day, number in work.domains.items() if day < date(2029, 1, 1)) < sum(
        number for day, number in work.orders.items() if day < date(2029, 1, 1)
    )


def test_a_valid_validation_is_not_repeated() -> None:
    """The workload starts from the validations of the last inspection."""
    found = record()
    assert found.inspection is not None
    entry = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", TODAY + timedelta(days=100))
    inspection = replace(found.inspection, delegated=(entry,), organisation_validated_until=TODAY + timedelta(days=300))
    estate = [(replace(found, inspection=inspection), (ManagedCertificate(IDP),))]
    starts, known = starts_of_book(estate, NOW)
    work = workload(starts, known, TODAY + timedelta(days=7))

    assert (sum(work.orders.values()), sum(work.domains.values()), sum(work.organisations.values())) == (1, 0, 0)


def test_a_domain_with_a_persistent_record_needs_no_validation() -> None:
    """The CA validates it by the record, with every order from 2029 on too."""
    found = record()
    assert found.inspection is not None
    rolling = DelegatedName(
        "idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", TODAY + timedelta(days=5), "", PersistentRecord()
    )
    estate = [(replace(found, inspection=replace(found.inspection, delegated=(rolling,))), (ManagedCertificate(IDP),))]
    starts, known = starts_of_book(estate, NOW)

    assert not workload(starts, known, HORIZON).domains


def test_a_served_certificate_is_first_ordered_when_it_is_due() -> None:
    """The order book has the day of issue."""
    managed = ManagedCertificate(IDP, stored_by(IDP))

    (start,), _ = starts_of_book([(record(), (managed,))], NOW)

    assert TODAY + timedelta(days=120) < start.first < TODAY + timedelta(days=160)


def test_the_quarters_have_every_order_once() -> None:
    """The table must add up."""
    work = workload(starts_of_files([(DELEGATION, (IDP, replace(IDP, name="b")))], TODAY), Known(), HORIZON)
    periods = work.periods(TODAY, HORIZON)

    assert sum(period.orders for period in periods) == sum(work.orders.values())
    assert sum(number for _, number in work.weeks(TODAY, HORIZON)) == sum(work.orders.values())
    assert [periods[0].name, periods[-1].name] == ["2026 Q4", "2030 Q4"]
    assert max(period.imports_a_year for period in periods) <= 26


def test_the_command_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Planners need the figures with their assumptions."""
    assert main(["calendar", str(CAMPUS)]) == 0
    table = capsys.readouterr().out
    assert main(["calendar", str(CAMPUS), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert "2029 Q2" in table
    assert document["certificates"] == 15
    assert document["assumptions"]
    assert {"2027-02-10", "2027-03-15", "2028-03-15"} == {sunset["ends"] for sunset in document["sunsets"]}
    assert [phase["permitted_term_days"] for phase in document["phases"]] == [398, 200, 100, 47]
    assert "annual" not in table.lower()


def test_faulty_files_are_reported_with_line_and_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The errors are those of `plan`."""
    (tmp_path / "u.yaml").write_text("delegation: U\n", encoding="utf-8")

    assert main(["calendar", str(tmp_path)]) == 2
    assert "u.yaml:1: delegation: must be" in capsys.readouterr().err
