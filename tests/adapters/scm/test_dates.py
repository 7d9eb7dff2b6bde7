from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from renewal.adapters.scm.dates import date_from, time_from

MIDNIGHT = datetime(2026, 5, 21, tzinfo=UTC)
NOON = datetime(2026, 5, 21, 12, 24, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "05/21/2026",
        "2026-05-21",
        "21.05.2026",
        "21/05/2026",
        "2026/05/21",
        "2026-05-21T00:00:00.000Z",
        " 2026-05-21 ",
    ],
)
def test_every_dialect_of_a_day_is_midnight_utc(text):
    """SCM documents no zone for its days; UTC is the one assumption."""
    assert time_from(text) == MIDNIGHT


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-21T12:24:26Z",
        "2026-05-21T12:24:26+00:00",
        "2026-05-21T14:24:26+02:00",
        "2026-05-21T14:24:26.000+0200",
        "2026-05-21 12:24:26",
        "05/21/2026 12:24:26",
        "21.05.2026 12:24:26",
        "21/05/2026 12:24:26",
        "2026/05/21 12:24:26",
    ],
)
def test_every_dialect_of_a_time_is_aware_and_in_utc(text):
    """A naive time cannot be compared with the clock."""
    found = time_from(text)

    assert found == NOON
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("9999-12-31T23:59:59.000-05:00", 9999),
        ("9999-12-31", 9999),
        ("0001-01-01T00:00:00+01:00", 1970),
        ("0001-01-01", 1970),
    ],
)
def test_a_date_at_an_end_of_the_calendar_is_a_date(text: str, year: int):
    """Programs write these for *never* and *unset*; in another time zone, or a week earlier, they do not exist."""
    found = time_from(text)
    assert found is not None
    assert (found.year, found - timedelta(days=365) < found) == (year, True)


def test_an_ambiguous_date_is_american():
    """MM/dd/yyyy is what SCM writes unless it is asked for something else."""
    assert time_from("05/06/2026") == datetime(2026, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "  ", "soon", "32/32/2026", 0, True, {}])
def test_nothing_and_nonsense_are_no_date(value):
    """All of absent, null and "" occur for one field; none of them may stop a run."""
    assert time_from(value) is None


def test_a_day_is_the_day_in_utc():
    """The password's expiry is a day."""
    assert date_from("2026-05-21") == date(2026, 5, 21)
    assert date_from("") is None
