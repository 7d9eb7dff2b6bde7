"""Two runs that alternate twice at external calls."""

from __future__ import annotations

import pytest

from campaign.environments import unchanged
from campaign.harness import Harness
from campaign.mutants import MUTANTS
from campaign.schedules import PAIRS, PlayedSchedule, Schedule, twice

DAILY_AND_HOURLY = PAIRS[0]
PLANNED = 8  # calls after which a run has written its plan and has not yet read an order


@pytest.mark.parametrize(("mutant", "detected"), [("", False), ("compare-times", True)])
def test_a_plan_made_while_an_order_is_stored_does_not_fail(harness: Harness, mutant: str, *, detected: bool) -> None:
    """It takes two switches: the hourly run plans before the daily run's last write, and enrolls after it."""
    harness.environments.mutate = MUTANTS.get(mutant, unchanged)
    try:
        DAILY_AND_HOURLY.prepare(harness)
        calls = harness.interception.boundaries[harness.run().run_id]
        stored = next(number for number, call in enumerate(calls) if call.operation == "PutEvents")
        DAILY_AND_HOURLY.prepare(harness)
        played = Schedule(DAILY_AND_HOURLY, stored, PLANNED).play(harness)
    finally:
        harness.environments.mutate = unchanged

    assert played.calls > PLANNED
    assert any("OrderConflict" in text for text in played.violations) is detected, played.violations


def test_every_call_of_the_second_run_is_a_place_to_interrupt_it() -> None:
    """After its last call nothing is left to interrupt."""
    once = [PlayedSchedule(Schedule(DAILY_AND_HOURLY, first), calls, ()) for first, calls in ((1, 3), (2, 2))]

    assert [(found.first, found.second) for found in twice(once)] == [(1, 1), (1, 2), (2, 1)]
