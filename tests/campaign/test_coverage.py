"""The campaign reaches what it says that it strikes, and says so when it does not."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from campaign.cases import Case, after_blows, play
from campaign.fuzz import drawn
from campaign.fuzz import play as spoil
from campaign.scenarios import ENROLL, SCENARIOS
from campaign.stage import Stage
from campaign.strikes import Mode, ModeStrike
from campaign.table import Findings
from campaign.virtual_time import VirtualTime
from campaign.wire import Boundary, Invocation, Killed, Wire
from tests.recordings import recorded

FIRST, ACM_FIRST = SCENARIOS[0], SCENARIOS[3]
NOWHERE = Boundary("scm", "GET /api/nowhere", 1, "enroll")

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def test_every_answer_of_scm_may_be_spoilt(stage: Stage) -> None:
    """Half of the draws hit an order or a certificate, where a wrong answer costs most."""
    boundaries = recorded(stage, FIRST)
    dice = random.Random(1)  # noqa: S311

    draws = Counter(drawn(boundaries, dice) for _ in range(500))

    assert draws.keys() == {one for one in boundaries if one.service == "scm"}
    assert sum(count for one, count in draws.items() if "enroll" in one.operation or "collect" in one.operation) > 250


def test_an_answer_that_was_not_spoilt_is_told(stage: Stage) -> None:
    """Five hundred runs in which nothing happened would look like five hundred that withstood."""
    orders = [NOWHERE, Boundary("scm", "collect", 1, "collect")]

    _, found = spoil(stage, FIRST, 1, orders)

    assert any("nothing was spoilt" in text for text in found)


def test_a_case_that_is_not_reached_fails_the_campaign(stage: Stage) -> None:
    """A strike at nothing is no proof of anything."""
    findings = Findings()

    findings.add(play(stage, Case(FIRST, NOWHERE, Mode.KILLED_BEFORE)))

    assert findings.broken == []
    assert findings.document()["not_reached"] == [f"{FIRST.name}: {NOWHERE}, {Mode.KILLED_BEFORE.value}"]
    assert findings.has_failed


def test_recovery_is_struck(stage: Stage) -> None:
    """No healthy run searches for a lost order or looks for an earlier import."""
    found = {
        one.boundary.operation
        for scenario in (FIRST, ACM_FIRST)
        for one in after_blows(stage, scenario, recorded(stage, scenario))
    }

    assert {"GET /api/ssl/v1", "ListCertificates"} <= found


def test_the_search_for_a_lost_order_may_be_killed(stage: Stage) -> None:
    """That nothing is ordered twice rests on it."""
    every = after_blows(stage, FIRST, recorded(stage, FIRST))
    case = next(one for one in every if one.boundary.operation == "GET /api/ssl/v1" and one.mode is Mode.KILLED_AFTER)

    outcome = play(stage, case)

    assert outcome.has_hit
    assert outcome.is_recovery
    assert outcome.violations == ()


@pytest.mark.parametrize(("operation", "seconds"), [(ENROLL, 60), ("GetSecretValue", 5), ("TransactWriteItems", 5)])
def test_waiting_for_an_answer_takes_time(stage: Stage, operation: str, seconds: int) -> None:
    """A function may be killed while it waits, or have no time left for what comes next."""
    place = next(one for one in recorded(stage, FIRST) if one.operation == operation)
    FIRST.prepare(stage)
    began, run_id = stage.time(), stage.next_run_id()
    healthy = stage.run(run_id)
    took = stage.time() - began
    FIRST.prepare(stage)
    assert healthy.status == "SUCCEEDED"
    began, run_id = stage.time(), stage.next_run_id()
    stage.wire.strike = ModeStrike(Mode.ANSWER_LOST, place, run_id, lambda: None, stage.time)

    stage.run(run_id)

    assert ((stage.time() - began) - took).total_seconds() >= seconds


def test_who_waits_for_longer_than_lambda_lets_it_is_killed() -> None:
    """It must not live to tell, or to note, that no answer came."""
    time = VirtualTime()
    wire = Wire(time)
    wire.enter(Invocation("run", "enroll", time() + timedelta(seconds=90)))

    def wait() -> None:
        time.pass_seconds(100)
        raise TimeoutError

    with pytest.raises(Killed):
        wire.cross("scm", ENROLL, effect=wait, lost=wait, error=wait, denial=wait)
