"""Boundaries x modes x scenarios: what is struck, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from campaign.evidence import gather
from campaign.invariants import ALWAYS, AT_REST, orders_of, violations
from campaign.scenarios import Scenario
from campaign.stage import Stage
from campaign.strikes import OF_SCM, Mode, ModeStrike, Sequel
from campaign.wire import Boundary

CANONICAL = (
    Mode.KILLED_BEFORE,
    Mode.KILLED_AFTER,
    Mode.ANSWERS_LOST,
    Mode.ERRORS,
    Mode.RIVAL_BEFORE,
)
"""At every boundary."""
MOST_DAYS = 4
"""So many daily runs at most may be needed to come to rest."""
_READS = ("GET ", "Get", "List", "Describe", "Query", "BatchGet", "Decrypt")


@dataclass(frozen=True, slots=True)
class Case:
    """One strike."""

    scenario: Scenario
    boundary: Boundary
    mode: Mode
    after: Blow | None = None
    """What has happened in the run before: this case strikes what the run does about it."""

    def __str__(self) -> str:
        """Where it strikes."""
        return (
            f"{self.boundary}, after {self.after.mode.value} at {self.after.boundary}"
            if self.after
            else str(self.boundary)
        )


@dataclass(frozen=True, slots=True)
class Blow:
    """A first strike."""

    boundary: Boundary
    mode: Mode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case."""

    scenario: str
    boundary: str
    operation: str
    mode: str
    has_hit: bool
    struck_run: str
    days: int
    violations: tuple[str, ...]
    is_recovery: bool = False
    """Whether it struck what a run does about a first blow."""

    def document(self) -> dict[str, object]:
        """The same as JSON."""
        return asdict(self)


def record(stage: Stage, scenario: Scenario) -> list[Boundary]:
    """Play a healthy run from the prepared moment; return its boundaries. Raises RuntimeError if it is none."""
    scenario.prepare(stage)
    run = stage.run()
    boundaries = stage.wire.crossed[run.run_id]
    broken = violations(gather(stage), ALWAYS)
    if run.status != "SUCCEEDED" or broken:
        message = f"the healthy run of '{scenario.name}' is not healthy: {run.status} {run.error} {broken}"
        raise RuntimeError(message)
    return boundaries


def cases(scenario: Scenario, boundaries: Sequence[Boundary]) -> Iterator[Case]:
    """Every boundary with the canonical modes, what changes something with all, SCM's calls with SCM's faults too."""
    for boundary in boundaries:
        yield from (Case(scenario, boundary, mode) for mode in Mode if _belongs(mode, boundary, scenario))


def after_blows(stage: Stage, scenario: Scenario, boundaries: Sequence[Boundary]) -> Iterator[Case]:
    """Strike what a run does about a first blow: the search for a lost order, the look for an earlier import.

    No healthy run makes these calls, so they are found by recording a run that was struck.
    """
    for operation, mode in scenario.first_blows:
        first = Blow(next(one for one in boundaries if one.operation == operation), mode)
        scenario.prepare(stage)
        run_id = stage.next_run_id()
        blow = ModeStrike(mode, first.boundary, run_id, lambda: _rival(stage), stage.time)
        stage.wire.strike = blow
        stage.run(run_id)
        stage.wire.strike = None
        crossed = stage.wire.crossed[run_id]
        for boundary in crossed[crossed.index(first.boundary) + 1 :]:
            yield from (Case(scenario, boundary, one, first) for one in CANONICAL)


def _belongs(mode: Mode, boundary: Boundary, scenario: Scenario) -> bool:
    if mode in CANONICAL or not scenario.every_mode:
        return mode in CANONICAL
    if mode in OF_SCM:
        return boundary.service == "scm"
    return not boundary.operation.startswith(_READS)


def play(stage: Stage, case: Case) -> Outcome:
    """Prepare, strike, and run daily until the estate is at rest; say what was violated on the way."""
    case.scenario.prepare(stage)
    return strike(stage, case)


def strike(stage: Stage, case: Case) -> Outcome:
    """Play a case from the prepared moment on."""
    before = stage.played.simulator.orders
    run_id = stage.next_run_id()
    blow = ModeStrike(case.mode, case.boundary, run_id, lambda: _rival(stage), stage.time)
    first = case.after and ModeStrike(case.after.mode, case.after.boundary, run_id, lambda: _rival(stage), stage.time)
    stage.wire.strike = Sequel(first, blow) if first else blow
    struck = stage.run(run_id)
    stage.wire.strike = None
    evidence = gather(stage)
    found, days = violations(evidence, ALWAYS), 0
    while days == 0 or (days < MOST_DAYS and violations(evidence, AT_REST)):
        days += 1
        stage.daily_run()
        evidence = gather(stage)
        found += violations(evidence, ALWAYS)
    found += violations(evidence, AT_REST)
    orders = orders_of(evidence) - len(before)
    if orders != case.scenario.due:
        found.append(f"exactly_one_order: {orders} orders at SCM, {case.scenario.due} due")
    if stage.played.runs[-1].status != "SUCCEEDED":
        found.append(f"the_last_run_succeeds: it ended {stage.played.runs[-1].error}")
    return Outcome(
        case.scenario.name,
        str(case),
        f"{case.boundary.service}:{case.boundary.operation}",
        case.mode.value,
        blow.has_hit,
        struck.error or struck.status,
        days,
        tuple(dict.fromkeys(found)),
        is_recovery=case.after is not None,
    )


def _rival(stage: Stage) -> None:
    """Another execution, started by hand at that very moment."""
    strike, stage.wire.strike = stage.wire.strike, None
    stage.run()
    stage.wire.strike = strike
