"""Two runs that alternate twice at external calls."""

from __future__ import annotations

import pytest

from campaign.environments import unchanged
from campaign.harness import Harness
from campaign.interception.calls import Boundary
from campaign.mutants import MUTANTS
from campaign.schedules import PAIRS, PlayedSchedule, Schedule, switches, twice

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

    assert max(played.switches) > PLANNED
    assert any("OrderConflict" in text for text in played.violations) is detected, played.violations


def test_a_switch_after_each_call_that_others_can_notice_is_played() -> None:
    """After the last call nothing is left to interrupt; what no other run can notice may as well come later."""
    services = ("lambda", "dynamodb", "kms", "scm", "s3", "acm", "dynamodb")
    calls = [Boundary(service, "any", number, "enroll") for number, service in enumerate(services, 1)]
    calls[1:1] = [Boundary("s3", "GetObject", 1, "report", is_own=True)]
    once = [PlayedSchedule(Schedule(DAILY_AND_HOURLY, 1), switches(calls), ())]

    assert switches(calls) == (3, 5, 6, 7)
    assert [(found.first, found.second) for found in twice(once)] == [(1, 3), (1, 5), (1, 6), (1, 7)]
