"""Lambda's life: cold environments, connections that are forgotten while an environment is frozen, throttled calls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from campaign.cases import CANONICAL, NO_FAULT, CaseOutcome, NamedCase, record, run_with_fault, settled
from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call
from campaign.run import Run
from campaign.scenarios import DELEGATION, NAME, Scenario

THROTTLED = {"inspect_delegation": (1, 5, 40), "enroll": (1, 5, 40), "collect": (1, 5, 40)}
"""How many times in a row an invocation is throttled. `ReservedConcurrency` limits these functions."""
OTHERS_THROTTLED = (1, 5)
FROZEN_SECONDS = 1200.0


class Life(StrEnum):
    """What Lambda does to environments."""

    COLD = "cold environments"
    FROZEN = "connections forgotten"
    """Environments stay warm for as long as a history lasts, and idle connections are reset."""


@dataclass(frozen=True, slots=True)
class LifeCase(NamedCase):
    """A second renewal, without a fault or with one, in such environments."""

    scenario: Scenario
    life: Life
    boundary: Boundary | None = None
    mode: Mode | None = None

    def begin(self, harness: Harness) -> None:
        """Renew, and have the certificate renewed again by the next run."""
        harness.environments.forget()
        harness.environments.are_cold = self.life is Life.COLD
        harness.interception.forgets_idle = self.life is Life.FROZEN
        harness.run()  # a renewal too, whose connections the next run would use
        harness.time.pass_seconds(FROZEN_SECONDS)
        harness.editor.ask(DELEGATION, NAME, "again")

    def play(self, harness: Harness) -> CaseOutcome:
        """Renew, renew again, and play daily runs until the estate is at rest."""
        self.begin(harness)
        before = len(harness.played.simulator.orders)
        run, was_reached = run_with_fault(harness, self.boundary, self.mode)
        days, found = settled(harness, before, self.scenario.due)
        found += self._lost(harness, run)
        return self.outcome(run, found, days=days, was_reached=was_reached)

    def _lost(self, harness: Harness, run: Run) -> Iterator[str]:
        """Yield the requests of a run without a fault that no one answered: the next search makes up for them."""
        for entry in harness.interception.ledger[run.run_id] if self.mode is None else ():
            if (entry.service, entry.status) == ("scm", 0):
                yield f"no_request_is_lost: {entry.operation} of {run.run_id} has no answer"

    @property
    def names(self) -> tuple[str, Boundary | None, str]:
        """With the environments as a part of the mode."""
        return self.scenario.name, self.boundary, f"{self.life.value}, {self.mode.value if self.mode else NO_FAULT}"


@dataclass(slots=True)
class Throttle:
    """Throttles one invocation of a run so many times in a row."""

    boundary: Boundary
    left: int
    run_id: str = ""
    was_reached: bool = False

    def is_due(self, call: Call) -> bool:
        """Return whether it is the invocation, or one of its retries."""
        is_same = call.boundary.operation == self.boundary.operation and call.invocation.run_id == self.run_id
        return is_same and self.left > 0 and (self.was_reached or call.boundary == self.boundary)

    def apply(self, call: Call) -> Any:
        """Answer that too many functions run."""
        self.was_reached = True
        self.left -= 1
        return call.answers.error()


@dataclass(frozen=True, slots=True)
class ThrottleCase(NamedCase):
    """One invocation that is throttled: the state machine waits until there is capacity, and nothing has failed."""

    scenario: Scenario
    boundary: Boundary
    times: int

    def play(self, harness: Harness) -> CaseOutcome:
        """Play the run, which is not counted as disturbed, and daily runs until the estate is at rest."""
        before, run_id = len(harness.played.simulator.orders), harness.next_run_id()
        throttle = Throttle(self.boundary, self.times, run_id)
        harness.interception.injection = throttle
        run = harness.run(run_id)
        harness.interception.injection = None
        days, found = settled(harness, before, self.scenario.due)
        return self.outcome(run, found, days=days, was_reached=throttle.was_reached)

    @property
    def names(self) -> tuple[str, Boundary, str]:
        """With the throttling as the mode."""
        return self.scenario.name, self.boundary, f"throttled {self.times} times"


def life_cases(scenario: Scenario, harness: Harness, most: int, seed: int) -> Iterator[LifeCase | ThrottleCase]:
    """Yield each kind of environment without a fault and with *most* faults, chosen by *seed*, and each throttle."""
    for life in Life:
        healthy = LifeCase(scenario, life)
        yield healthy
        affected = [(boundary, mode) for boundary in _boundaries(healthy, harness) for mode in CANONICAL]
        sampled = random.Random(f"{seed} {life}").sample(affected, min(most, len(affected)))  # noqa: S311
        yield from (LifeCase(scenario, life, boundary, mode) for boundary, mode in sampled)
    for boundary in record(harness, scenario):
        if boundary.service == "lambda":
            for times in THROTTLED.get(boundary.operation.removeprefix("Invoke "), OTHERS_THROTTLED):
                yield ThrottleCase(scenario, boundary, times)


def _boundaries(healthy: LifeCase, harness: Harness) -> list[Boundary]:
    """Return the calls of the second run, which are not those of a first one: logins and connections are kept."""
    healthy.scenario.prepare(harness)
    healthy.begin(harness)
    return harness.interception.boundaries[harness.run().run_id]
