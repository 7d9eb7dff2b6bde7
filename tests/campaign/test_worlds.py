"""Other worlds: what they expose in a product without a protection, and that the product has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from campaign.cases import NO_FAULT, CaseOutcome, record
from campaign.environments import unchanged
from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.interception.calls import Boundary
from campaign.mutants import MUTANTS
from campaign.scenarios import ENROLL, SCENARIOS
from campaign.worlds.lambda_life import Life, LifeCase, ThrottleCase
from campaign.worlds.stale import IMPORT, StaleCase, StaleSecretCase
from campaign.worlds.variant_cases import Surroundings, VariantCase
from campaign.worlds.variants import OPERATIONS, VARIANTS
from renewal.adapters.scm.search import Search
from tests.recordings import recorded

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
VARIANT = {variant.name: variant for variant in VARIANTS}
RENEWAL, RE_IMPORT = BY_NAME["s3, renewal, slow"], BY_NAME["acm, re-import, immediate"]
POST = Boundary("scm", ENROLL, 1, "enroll")

Play = Callable[[Harness], CaseOutcome]


def in_variant(name: str, *, is_renewal: bool = False, mode: Mode | None = None) -> Play:
    """A run in a variant of SCM; *mode*: a fault of its POST."""

    def play(harness: Harness) -> CaseOutcome:
        surroundings = Surroundings(VARIANT[name], is_renewal)
        surroundings.prepare(harness)
        return VariantCase(surroundings, POST if mode else None, mode).play(harness)

    return play


def after_an_import(harness: Harness) -> CaseOutcome:
    """ACM describes once what the ARN held before."""
    place = next(found for found in recorded(harness, RE_IMPORT) if found.operation == IMPORT)
    RE_IMPORT.prepare(harness)
    return StaleCase(RE_IMPORT, place, 1).play(harness)


def after_a_new_password(harness: Harness) -> CaseOutcome:
    """The first two reads return the old one."""
    RENEWAL.prepare(harness)
    return StaleSecretCase(RENEWAL, 2).play(harness)


@pytest.mark.parametrize(
    ("play", "mutant", "violation"),
    [
        (in_variant("comments are hidden", mode=Mode.ANSWERS_LOST), "believe-silence", "2 orders"),
        (in_variant("orders are never listed", is_renewal=True, mode=Mode.KILLED_AFTER), "believe-silence", "2 orders"),
        (after_an_import, "describe-again", "nothing in the world explains it"),
        (after_a_new_password, "try-again", "was refused 2 times"),
    ],
)
def test_a_missing_protection_is_detected(harness: Harness, play: Play, mutant: str, violation: str) -> None:
    """A world that no product fails in proves nothing."""
    sound = play(harness)
    harness.environments.mutate = MUTANTS[mutant]
    try:
        broken = play(harness)
    finally:
        harness.environments.mutate = unchanged

    assert (sound.was_reached, sound.violations) == (True, ())
    assert any(violation in text for text in broken.violations), broken.violations


def test_a_name_in_another_form_that_is_not_recognised_is_detected(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where silence is believed, a second order shows it; otherwise the proof of the search prevents that, too (O1)."""
    play = in_variant("names in U-labels, and no report", mode=Mode.ANSWERS_LOST)
    harness.environments.mutate = MUTANTS["believe-silence"]
    try:
        recognised = play(harness)
        monkeypatch.setattr(Search, "_may_be_for", lambda search, listed: listed in search._order.names)
        compared_as_text = play(harness)
    finally:
        harness.environments.mutate = unchanged

    assert recognised.violations == ()
    assert any("2 orders" in text for text in compared_as_text.violations)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_connection_that_is_kept_loses_an_order(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, *, keeps: bool
) -> None:
    """A NAT gateway forgets it, and the clock that would age it does not advance in a frozen environment (O2)."""
    if keeps:
        kept = httpx.Limits(max_keepalive_connections=10)
        monkeypatch.setattr(httpx, "Limits", lambda **_: kept)
    RENEWAL.prepare(harness)

    outcome = LifeCase(RENEWAL, Life.FROZEN).play(harness)

    assert bool(outcome.violations) is keeps, outcome.violations
    assert not keeps or any(ENROLL in text for text in outcome.violations)


@pytest.mark.parametrize("tries", [60, 5])
def test_throttled_invocations_are_waited_out(harness: Harness, tries: int) -> None:
    """With `ReservedConcurrency`, a run is throttled as a matter of course; five tries are too few (O11)."""
    states, machine = harness.aws.client("stepfunctions"), harness.aws.outputs["StateMachineArn"]
    shipped = states.describe_state_machine(stateMachineArn=machine)["definition"]
    changed: Any = json.loads(shipped)
    inspect = changed["States"]["OrderCertificates"]["ItemProcessor"]["States"]["InspectDelegation"]
    (retry,) = [retry for retry in inspect["Retry"] if "Lambda.TooManyRequestsException" in retry["ErrorEquals"]]
    retry["MaxAttempts"] = tries
    RENEWAL.prepare(harness)
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(changed))
    try:
        outcome = ThrottleCase(
            RENEWAL, Boundary("lambda", "Invoke inspect_delegation", 1, "inspect_delegation"), 40
        ).play(harness)
    finally:
        states.update_state_machine(stateMachineArn=machine, definition=shipped)

    assert outcome.was_reached
    assert bool(outcome.violations) is (tries == 5), outcome.violations


@pytest.mark.parametrize(
    "play",
    [
        in_variant("each answer at the last second"),
        in_variant("330 other domains"),
        in_variant("GET /api/ssl/v1/types stalls", is_renewal=True),
        in_variant("GET /api/admin/v1/password is refused"),
        in_variant("replaced in the portal", is_renewal=True),
        in_variant("deleted in the portal"),
        in_variant("an open order deleted"),
        in_variant("declined, answered by -1113"),
    ],
)
def test_a_variant_without_a_fault_violates_nothing(harness: Harness, play: Play) -> None:
    """It may fail a run only as it explains, and when it is over, the estate comes to rest."""
    outcome = play(harness)

    assert (outcome.mode, outcome.violations) == (NO_FAULT, ())


def test_an_order_is_not_lost_for_weeks_where_no_search_is_answered(harness: Harness) -> None:
    """An outage that can wait fails no run, and this one asked for nothing until the certificate nearly expired."""
    outcome = in_variant("no filter, and a report that stalls", is_renewal=True, mode=Mode.ANSWERS_LOST)(harness)

    assert (outcome.was_reached, outcome.violations) == (True, ())


def test_every_request_of_a_run_is_refused_in_a_variant(harness: Harness) -> None:
    """A new request needs a line that states whether a lasting refusal of it may fail a run."""
    record(harness, RENEWAL)

    requested = {call.operation for call in harness.played.simulator.calls}

    assert requested <= OPERATIONS.keys()
