"""The crash campaign in short: a seeded sample, and the proof that it sees what it should."""

from __future__ import annotations

import random

import pytest

from campaign.cases import Case, cases, play, record
from campaign.evidence import gather
from campaign.invariants import ALWAYS, AT_REST, violations
from campaign.sabotage import SABOTAGES
from campaign.scenarios import SCENARIOS, Scenario
from campaign.stage import Stage
from campaign.strikes import Mode
from campaign.wire import Boundary
from tests.recordings import recorded

SEED = 20261123
SAMPLE = 1  # of each scenario; `make campaign` plays all
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


def boundary(boundaries: list[Boundary], service: str, operation: str, nth: int = 1) -> Boundary:
    """The recorded boundary of that name."""
    return next(one for one in boundaries if (one.service, one.operation, one.nth) == (service, operation, nth))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_sample_of_strikes_does_no_harm(stage: Stage, scenario: Scenario) -> None:
    """One order, one key, no silence: wherever the run is killed, spoilt or overtaken."""
    every = list(cases(scenario, recorded(stage, scenario)))

    for case in random.Random(f"{SEED} {scenario.name}").sample(every, SAMPLE):  # noqa: S311
        outcome = play(stage, case)
        assert outcome.has_hit, f"{case.boundary} was not reached"
        assert not outcome.violations, (case.boundary, case.mode, outcome.violations)


def test_the_boundaries_are_those_of_the_run(stage: Stage) -> None:
    """They are recorded, so a call that is added tomorrow is struck tomorrow."""
    found = record(stage, BY_NAME["acm, re-import, slow"])

    services = {one.service for one in found}
    assert services == {"lambda", "dynamodb", "kms", "secretsmanager", "s3", "acm", "events", "scm"}
    assert len(found) == len(set(found)) > 50


def test_posting_again_after_a_lost_answer_is_seen(stage: Stage) -> None:
    """The protection that is the whole point: without the look at SCM there are two orders."""
    outcome = _sabotaged(
        stage, "post-again", "s3, first, immediate", "scm", "POST /api/ssl/v1/enroll", Mode.ANSWERS_LOST
    )

    assert any("2 orders" in text for text in outcome)


def test_posting_before_the_intent_is_seen(stage: Stage) -> None:
    """An order that nobody wrote down is made once more the next day."""
    outcome = _sabotaged(
        stage, "skip-intent", "s3, first, immediate", "scm", "POST /api/ssl/v1/enroll", Mode.RUN_KILLED_AFTER
    )

    assert any("the order book knows nothing" in text for text in outcome)


def test_a_pointer_that_flips_first_is_seen(stage: Stage) -> None:
    """A consumer that reads at that moment gets half a pair."""
    outcome = _sabotaged(
        stage, "pointer-first", "s3, first, immediate", "s3", "PutObject", Mode.RUN_KILLED_AFTER, nth=3
    )

    assert any("which lacks" in text for text in outcome)


def test_importing_again_after_a_lost_answer_is_seen(stage: Stage) -> None:
    """ACM would hold the same certificate under two ARNs."""
    outcome = _sabotaged(
        stage, "import-again", "acm, first import, immediate", "acm", "ImportCertificate", Mode.ANSWERS_LOST
    )

    assert any("of which the book knows nothing" in text for text in outcome)


def test_a_healthy_history_violates_nothing(stage: Stage) -> None:
    """Otherwise every alarm below would be a false one."""
    BY_NAME["acm, two regions, re-import, slow"].prepare(stage)
    stage.run()

    assert violations(gather(stage), [*ALWAYS, *AT_REST]) == []


def _sabotaged(
    stage: Stage, sabotage: str, scenario: str, service: str, operation: str, mode: Mode, nth: int = 1
) -> tuple[str, ...]:
    healthy = stage.environments.sabotage
    stage.environments.sabotage = SABOTAGES[sabotage]
    try:
        place = boundary(record(stage, BY_NAME[scenario]), service, operation, nth)
        return play(stage, Case(BY_NAME[scenario], place, mode)).violations
    finally:
        stage.environments.sabotage = healthy
