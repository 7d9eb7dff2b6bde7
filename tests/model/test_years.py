"""The first months of a history of three years; `python -m campaign --years N` plays all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.harness import Harness
from campaign.histories import disturbances, years
from campaign.histories.history import Violated
from campaign.histories.years import Years
from renewal.domain import due, orderable
from renewal.domain.calendar import phase_at

MONTHS = timedelta(days=230)
"""From November 2026: the first renewal comes after the second phase of the calendar has begun."""


@pytest.fixture(autouse=True)
def months(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some months, without disturbances, and with a run on one day of each span."""
    monkeypatch.setattr(years, "YEARS", MONTHS)
    monkeypatch.setattr(years, "SAMPLE", 1.0)
    monkeypatch.setattr(disturbances, "DAYS_BETWEEN", 10_000)


def test_months_without_a_disturbance_violate_nothing(harness: Harness) -> None:
    """Each certificate is renewed twice: by 199 days, then by 99."""
    played = Years(harness, seed=1)

    played.play()

    assert len(harness.played.simulator.orders) == 3 * 2
    assert {order.term_days for order in harness.played.simulator.orders} == {199, 99}
    assert played.sampled > 3
    assert played.runs < 40 < played.skipped


@pytest.mark.parametrize(
    ("owner", "member", "without", "violation"),
    [
        (orderable, "phase_at", lambda _: phase_at(datetime(2026, 12, 1, tzinfo=UTC)), "valid for more than 100 days"),
        (
            due,
            "brought_forward_to",
            lambda _, __, now: now if (3, 16) <= (now.month, now.day) < (4, 5) else None,
            "nothing was due ended",
        ),
        (due, "last_resort", lambda begins, _: begins + timedelta(days=9), "before half of a lifetime"),
    ],
)
def test_years_detect_a_renewal_at_the_wrong_time(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    member: str,
    without: Callable[..., Any],
    violation: str,
) -> None:
    """A term that is too long, a renewal on a day on which none is due, or twice as often."""
    monkeypatch.setattr(owner, member, without)

    with pytest.raises(Violated, match=violation):
        Years(harness, seed=1).play()


def test_an_expiry_that_two_runs_could_have_prevented_is_found(harness: Harness) -> None:
    """Of a certificate that nothing kept from being renewed; its neighbour had one run only."""
    played = Years(harness, seed=1)
    played._begin()
    # The two may have been issued at different seconds.
    ends = max(datetime.fromisoformat(event["not_after"]) for event in harness.played.events)
    day = timedelta(days=1)
    played.clear = {"univ": [ends - 2 * day, ends - day], "lycee": [ends - 40 * day, ends - day]}
    harness.time.set(ends + day)

    found = list(played._expired(played.history.evidence()))

    assert found == [f"univ/idp expired on {ends:%Y-%m-%d}, and 2 runs could have renewed it"]
