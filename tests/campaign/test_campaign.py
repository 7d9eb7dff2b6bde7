"""The crash campaign in short: a seeded sample, and the proof that it detects what it should."""

from __future__ import annotations

import random

import pytest

from campaign.cases import Case, cases, play, record
from campaign.environments import unchanged
from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.mutants import MUTANTS
from campaign.scenarios import ENROLL, SCENARIOS, Scenario
from tests.recordings import recorded

SEED = 20261123
SAMPLE = 1  # of each scenario; `make campaign` plays all
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
FIRST, ACM_FIRST = BY_NAME["s3, first, immediate"], BY_NAME["acm, first import, immediate"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_sample_of_fault_injections_violates_nothing(harness: Harness, scenario: Scenario) -> None:
    """One order, one key, a report: wherever the run is killed, refused, delayed or overtaken."""
    every = list(cases(scenario, recorded(harness, scenario)))

    for case in random.Random(f"{SEED} {scenario.name}").sample(every, SAMPLE):  # noqa: S311
        outcome = play(harness, case)
        assert outcome.was_reached, f"{case.boundary} was not reached"
        assert not outcome.violations, (case.boundary, case.mode, outcome.violations)


def test_the_boundaries_are_recorded_from_a_healthy_run(harness: Harness) -> None:
    """A new call of the product is a new boundary."""
    found = record(harness, BY_NAME["acm, re-import, slow"])

    services = {boundary.service for boundary in found}
    assert services == {"lambda", "dynamodb", "kms", "secretsmanager", "s3", "acm", "events", "scm"}
    assert len(found) == len(set(found)) > 50


@pytest.mark.parametrize(
    ("mutant", "scenario", "operation", "nth", "mode", "violation"),
    [
        ("post-again", FIRST, ENROLL, 1, Mode.ANSWERS_LOST, "2 orders"),
        ("skip-intent", FIRST, ENROLL, 1, Mode.RUN_KILLED_AFTER, "which is not in the order book"),
        ("pointer-first", FIRST, "PutObject", 4, Mode.RUN_KILLED_AFTER, "which lacks"),
        ("import-again", ACM_FIRST, "ImportCertificate", 1, Mode.ANSWERS_LOST, "which no event names"),
    ],
)
def test_every_mutant_is_detected(
    harness: Harness, mutant: str, scenario: Scenario, operation: str, nth: int, mode: Mode, violation: str
) -> None:
    """A campaign that does not detect a missing protection proves nothing."""
    harness.environments.mutate = MUTANTS[mutant]
    try:
        boundaries = record(harness, scenario)
        boundary = next(found for found in boundaries if (found.operation, found.nth) == (operation, nth))
        outcome = play(harness, Case(scenario, boundary, mode))
    finally:
        harness.environments.mutate = unchanged

    assert any(violation in text for text in outcome.violations), outcome.violations
