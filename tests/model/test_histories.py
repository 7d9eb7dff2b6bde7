"""Random histories of an estate: the quick profile; `make campaign` plays thousands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from campaign.harness import Harness
from campaign.histories.history import History, Violated, replay
from campaign.histories.machine import Histories, play_on, shares
from campaign.mutants import MUTANTS

Steps = list[tuple[str, Mapping[str, Any]]]

KEPT: dict[str, Steps] = {
    # A warm function kept a refused credential until its environment ended.
    "an account is locked and unlocked": [("lock", {}), ("run", {})],
    # The open order was dated 150 days ahead, and no run collected it before that.
    "an order opened by a wrong clock": [
        ("scm_becomes", {"issuance_polls": 0, "issuance_seconds": 72_000.0}),
        ("run_with_wrong_clock", {"hours": 3600}),
    ],
    # What replaced a certificate was dated before it: the fault was the invariant's, which went by the dates.
    "a successor dated before what it replaces": [
        ("run_with_wrong_clock", {"hours": 24}),
        ("run_with_wrong_clock", {"hours": 3600}),
        ("run_with_wrong_clock", {"hours": 1}),
    ],
    # The refusal was recorded 150 days ahead, and remembered until then.
    "a refusal recorded by a wrong clock": [("lock", {}), ("run_with_wrong_clock", {"hours": 3600})],
    # The details were recorded 150 days ahead, and a declined order was polled until then without its details.
    "a pending order confirmed by a wrong clock": [
        ("scm_becomes", {"outcome": "invalid"}),
        ("run_with_wrong_clock", {"hours": 3600}),
        ("scm_becomes", {"issuance_polls": 1, "issuance_seconds": 72_000.0}),
        ("run", {}),
        ("run_with_wrong_clock", {"hours": 3600}),
        ("scm_becomes", {"outcome": "declined"}),
        ("run", {}),
    ],
    # By the slow clock it was not valid yet, and at the next run it had expired: it is never stored. The fault was
    # the history's, in which the operator did not close the order, as the runbook requires.
    "a certificate that expired before it was collected": [
        ("days", {"count": 246}),
        ("run_with_wrong_clock", {"hours": -72}),
        ("days", {"count": 150}),
    ],
    # By the slow clock the mandate had not ended. The fault was the history's, which went by its own clock.
    "a mandate that ended while a clock was slow": [
        ("end_mandate", {"days": 0}),
        ("days", {"count": 1}),
        ("run_with_wrong_clock", {"hours": -72}),
    ],
    # S3 refused the inspection's read of `current.json` from then on: a store that someone else had changed.
    "a read of a store that is refused for good": [
        ("run", {}),
        ("days", {"count": 1}),
        ("run_with_fault", {"mode": "refused for good", "nth": 12}),
    ],
    # SCM revoked what the rule had ordered before it was collected. The fault was the invariant's, to which the next
    # order had no reason.
    "an order of a replacement rule that is revoked": [
        ("run", {}),
        ("replace_everything", {}),
        ("scm_becomes", {"outcome": "revoked"}),
        ("hourly_run", {}),
    ],
}
"""Histories that once failed."""


@pytest.mark.parametrize("name", KEPT)
def test_a_history_that_once_failed_violates_nothing(harness: Harness, name: str) -> None:
    """The random histories found each of them."""
    replay(harness, KEPT[name])


def test_a_few_random_histories_violate_nothing(harness: Harness) -> None:
    """The same histories each time, so that a failure is due to a change."""
    before = Histories.played

    play_on(harness, 3, seed=20261123)

    assert Histories.played == before + 3


def test_a_violation_is_reported_that_does_not_occur_again(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis plays a failed history twice, and would end in an error of its own."""
    shipped, violated = History.step, iter(["once"])

    def step(history: History, name: str, **arguments: Any) -> Any:
        history.require(list(violated))
        return shipped(history, name, **arguments)

    monkeypatch.setattr(History, "step", step)

    with pytest.raises(Violated, match="once"):
        play_on(harness, 1, seed=20261123)


@pytest.mark.parametrize(("examples", "jobs"), [(2000, 3), (2000, 2), (3, 8), (1, 1)])
def test_the_requested_number_of_histories_is_played(examples: int, jobs: int) -> None:
    """With any number of processes."""
    each = shares(examples, jobs)

    assert (sum(each), max(each) - min(each) <= 1, min(each) > 0) == (examples, True, True)
    assert len(each) <= jobs


def test_random_histories_detect_a_mutant(harness: Harness) -> None:
    """The failure prints the history.

    Two certificates are renewed in parallel, so the number of a call differs between runs.
    """
    History(harness).run()
    calls = harness.interception.boundaries[harness.played.runs[-1].run_id]
    enroll = next(i for i, call in enumerate(calls, 1) if call.operation == "POST /api/ssl/v1/enroll")
    near = sorted(range(1, enroll + 9), key=lambda nth: abs(nth - enroll + 1))
    shipped, harness.environments.mutate = harness.environments.mutate, MUTANTS["post-again"]
    try:
        assert any("2 orders with token" in violated(harness, nth) for nth in near)
    finally:
        harness.environments.mutate = shipped


def violated(harness: Harness, nth: int) -> str:
    """Violations of a run whose nth call is processed and its answer lost."""
    try:
        replay(harness, [("run_with_fault", {"mode": "reset after processing", "nth": nth})])
    except Violated as found:
        return str(found)
    return ""
