"""Boundaries by modes by scenarios: where a fault is injected, and the outcome."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from campaign.evidence import gather
from campaign.fault_injection import SCM_MODES, FaultInjection, Mode, SecondInjection
from campaign.harness import Harness
from campaign.interception.calls import Boundary
from campaign.order_book_invariants import ALWAYS, AT_REST, orders_of, violations
from campaign.run import Run
from campaign.scenarios import Scenario

CANONICAL = (Mode.KILLED_BEFORE, Mode.KILLED_AFTER, Mode.ANSWERS_LOST, Mode.ERRORS, Mode.CONCURRENT_BEFORE)
"""At every boundary."""
MOST_DAYS = 4
"""Daily runs after which the estate must be at rest."""
NO_FAULT = "no fault"
_READS = ("GET ", "Get", "List", "Describe", "Query", "BatchGet", "Decrypt")


class NamedCase(ABC):
    """A case that names itself in its outcome."""

    __slots__ = ()

    @property
    @abstractmethod
    def names(self) -> tuple[str, Boundary | None, str]:
        """Scenario, boundary (None for a run without fault) and mode."""

    def failed(self, text: str) -> CaseOutcome:
        """Return the outcome when the harness failed."""
        return self.outcome(None, [text])

    def outcome(self, run: Run | None, found: Sequence[str], *, days: int = 0, was_reached: bool = True) -> CaseOutcome:
        """Return the outcome of *run*, after which *found* was violated."""
        scenario, boundary, mode = self.names
        return CaseOutcome(
            scenario=scenario,
            boundary=str(boundary or NO_FAULT),
            operation=f"{boundary.service}:{boundary.operation}" if boundary else NO_FAULT,
            mode=mode,
            was_reached=was_reached,
            faulty_run=(run.error or run.status) if run else "",
            days=days,
            violations=tuple(dict.fromkeys(found)),
        )


@dataclass(frozen=True, slots=True)
class Case(NamedCase):
    """One fault injection."""

    scenario: Scenario
    boundary: Boundary
    mode: Mode
    first_fault: FirstFault | None = None
    """An earlier fault in the same run: the boundary is a call that the run makes to recover from it."""

    def __str__(self) -> str:
        """Name the boundary."""
        after = f", after {self.first_fault.mode.value} at {self.first_fault.boundary}" if self.first_fault else ""
        return f"{self.boundary}{after}"

    def injection(self, harness: Harness) -> FaultInjection:
        """Return what is injected into the run."""
        if self.first_fault is None:
            return FaultInjection(harness, self.mode, self.boundary)
        first = FaultInjection(harness, self.first_fault.mode, self.first_fault.boundary)
        return SecondInjection(harness, self.mode, self.boundary, first=first)

    def play(self, harness: Harness) -> CaseOutcome:
        """Run with the fault, then daily until the estate is at rest."""
        before = len(harness.played.simulator.orders)
        injection = self.injection(harness)
        run = harness.run_with(injection)
        days, found = settled(harness, before, self.scenario.due)
        outcome = self.outcome(run, found, days=days, was_reached=injection.was_reached)
        return replace(outcome, boundary=str(self), is_recovery=self.first_fault is not None)

    @property
    def names(self) -> tuple[str, Boundary, str]:
        """As the table has them."""
        return self.scenario.name, self.boundary, self.mode.value


@dataclass(frozen=True, slots=True)
class FirstFault:
    """The fault that a run recovers from."""

    boundary: Boundary
    mode: Mode


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """The outcome of one case."""

    scenario: str
    boundary: str
    operation: str
    mode: str
    was_reached: bool
    faulty_run: str
    """Error or status of the run with the fault."""
    days: int
    violations: tuple[str, ...]
    is_recovery: bool = False
    """Whether the fault was injected into the recovery from a first fault."""


def record(harness: Harness, scenario: Scenario) -> list[Boundary]:
    """Play a healthy run of the prepared scenario; return its boundaries. Raises RuntimeError if it fails."""
    scenario.prepare(harness)
    run = harness.run()
    boundaries = harness.interception.boundaries[run.run_id]
    broken = violations(gather(harness), ALWAYS)
    if run.status != "SUCCEEDED" or broken:
        message = f"the healthy run of '{scenario.name}' is not healthy: {run.status} {run.error} {broken}"
        raise RuntimeError(message)
    return boundaries


def cases(scenario: Scenario, boundaries: Sequence[Boundary]) -> Iterator[Case]:
    """Yield every boundary with the canonical modes, writes with all modes, calls to SCM with SCM's faults too."""
    for boundary in boundaries:
        yield from (Case(scenario, boundary, mode) for mode in Mode if _belongs(mode, boundary, scenario))


def recovery_cases(harness: Harness, scenario: Scenario, boundaries: Sequence[Boundary]) -> Iterator[Case]:
    """Yield the calls that follow a first fault: the search for a lost order, the search for an earlier import.

    No healthy run makes these calls, so a run with the first fault is recorded.
    """
    for operation, mode in scenario.first_faults:
        first = FirstFault(next(item for item in boundaries if item.operation == operation), mode)
        scenario.prepare(harness)
        run = harness.run_with(FaultInjection(harness, mode, first.boundary))
        called = harness.interception.boundaries[run.run_id]
        for boundary in called[called.index(first.boundary) + 1 :]:
            yield from (Case(scenario, boundary, canonical, first) for canonical in CANONICAL)


def _belongs(mode: Mode, boundary: Boundary, scenario: Scenario) -> bool:
    if mode in CANONICAL or not scenario.every_mode:
        return mode in CANONICAL
    if mode in SCM_MODES:
        return boundary.service == "scm"
    return is_write(boundary)


def is_write(boundary: Boundary) -> bool:
    """Return whether the call changes something."""
    return not boundary.operation.startswith(_READS)


def play(harness: Harness, case: Case) -> CaseOutcome:
    """Prepare the scenario, then play the case."""
    case.scenario.prepare(harness)
    return case.play(harness)


def run_with_fault(harness: Harness, boundary: Boundary | None, mode: Mode | None) -> tuple[Run, bool]:
    """Play a run, with a fault if there are a boundary and a mode; return it, and whether the boundary was reached."""
    if boundary is None or mode is None:
        return harness.run(), True
    injection = FaultInjection(harness, mode, boundary)
    return harness.run_with(injection), injection.was_reached


def settled(harness: Harness, orders: int, due: int) -> tuple[int, list[str]]:
    """Run daily until the estate is at rest; return the days, and every violation on the way.

    orders: those that SCM had before; *due*: those that a correct estate has made since.
    """
    evidence = gather(harness)
    found, days = violations(evidence, ALWAYS), 0
    while days == 0 or (days < MOST_DAYS and violations(evidence, AT_REST)):
        days += 1
        harness.daily_run()
        evidence = gather(harness)
        found += violations(evidence, ALWAYS)
    found += violations(evidence, AT_REST)
    made = orders_of(evidence) - orders
    if made != due:
        found.append(f"exactly_one_order: {made} orders at SCM, {due} due")
    if harness.played.runs[-1].status != "SUCCEEDED":
        found.append(f"the_last_run_succeeds: it ended {harness.played.runs[-1].error}")
    return days, found
