"""The campaign reaches every call that it claims to reach, and reports a call that it does not reach."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from campaign.cases import Case, play, recovery_cases
from campaign.fault_injection import FaultInjection, Mode
from campaign.fuzz import drawn
from campaign.fuzz import play as play_corrupted
from campaign.harness import Harness
from campaign.interception.calls import Answers, Boundary, Interception, Invocation, Killed
from campaign.scenarios import ENROLL, SCENARIOS
from campaign.table import Findings
from campaign.virtual_time import VirtualTime
from tests.recordings import recorded

FIRST, ACM_FIRST = SCENARIOS[0], SCENARIOS[3]
NOWHERE = Boundary("scm", "GET /api/nowhere", 1, "enroll")


def test_every_answer_of_scm_may_be_corrupted(harness: Harness) -> None:
    """Half of the draws are an order or a certificate, where a wrong answer costs most."""
    boundaries = recorded(harness, FIRST)
    dice = random.Random(1)  # noqa: S311

    draws = Counter(drawn(boundaries, dice) for _ in range(500))

    assert draws.keys() == {boundary for boundary in boundaries if boundary.service == "scm"}
    costly = [count for drawn, count in draws.items() if "enroll" in drawn.operation or "collect" in drawn.operation]
    assert sum(costly) > 250


def test_an_answer_that_was_not_corrupted_is_reported(harness: Harness) -> None:
    """Runs without a fault would count as runs that passed."""
    _, found = play_corrupted(harness, FIRST, 1, [NOWHERE, Boundary("scm", "collect", 1, "collect")])

    assert any("nothing was corrupted" in text for text in found)


def test_a_case_that_is_not_reached_fails_the_campaign(harness: Harness) -> None:
    """A fault that was not injected proves nothing."""
    findings = Findings()

    findings.add(play(harness, Case(FIRST, NOWHERE, Mode.KILLED_BEFORE)))

    assert findings.broken == []
    assert findings.document()["not_reached"] == [f"{FIRST.name}: {NOWHERE}, {Mode.KILLED_BEFORE.value}"]
    assert findings.has_failed


def test_faults_are_injected_into_a_recovery(harness: Harness) -> None:
    """No healthy run searches for a lost order or for an earlier import; a search that is killed orders nothing."""
    found = {
        case.boundary.operation: case
        for scenario in (FIRST, ACM_FIRST)
        for case in recovery_cases(harness, scenario, recorded(harness, scenario))
        if case.mode is Mode.KILLED_AFTER
    }

    outcome = play(harness, found["GET /api/ssl/v1"])

    assert "ListCertificates" in found
    assert (outcome.was_reached, outcome.is_recovery, outcome.violations) == (True, True, ())


@pytest.mark.parametrize(("operation", "seconds"), [(ENROLL, 60), ("GetSecretValue", 5), ("TransactWriteItems", 5)])
def test_waiting_for_a_lost_answer_takes_time(harness: Harness, operation: str, seconds: int) -> None:
    """A function may be killed while it waits, or have no time left for the next call."""
    boundary = next(found for found in recorded(harness, FIRST) if found.operation == operation)

    def duration(mode: Mode, boundary: Boundary) -> float:
        FIRST.prepare(harness)
        began = harness.time()
        harness.run_with(FaultInjection(harness, mode, boundary))
        return (harness.time() - began).total_seconds()

    assert duration(Mode.ANSWER_LOST, boundary) - duration(Mode.ANSWER_LOST, NOWHERE) >= seconds


def test_a_call_that_outlasts_the_time_limit_is_killed() -> None:
    """A killed function does not record that no answer came."""
    time = VirtualTime()
    interception = Interception(time)
    interception.enter(Invocation("run", "enroll", time() + timedelta(seconds=90)))

    def wait() -> None:
        time.pass_seconds(100)
        raise TimeoutError

    with pytest.raises(Killed):
        interception.intercept("scm", ENROLL, Answers(wait, wait, wait, wait))
