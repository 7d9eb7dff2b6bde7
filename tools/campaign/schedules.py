"""Schedules: two runs that alternate twice at external calls, and nothing else goes wrong.

The first run makes some calls, the second makes some, the first goes on to its end, then the second. So every pair of
places at which two runs can be interrupted by each other is played; both must succeed.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaign.cases import settled
from campaign.fault_injection import killed
from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call
from campaign.run import Run
from campaign.runner import play_all
from campaign.scenarios import NEXT_DAY, PARIS, SCENARIOS, Scenario

WHOLE = 1_000_000
"""More calls than a run makes."""
ALL = 1_000_000
"""More schedules than a pair of runs has."""
UNSHARED = frozenset({"events", "kms", "lambda", "secretsmanager", "sns"})
"""Services of which no call of a run changes what a call of another run returns."""
_PATIENCE = 120.0  # seconds of real time for one turn
_DAILY: Mapping[str, Any] = {}
_HOURLY: Mapping[str, Any] = {"open_orders_only": True, "scheduled_at": "hourly"}
_SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}


@dataclass(frozen=True, slots=True)
class RunPair:
    """Two runs of one scenario."""

    name: str
    scenario: Scenario
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    """The input of each run."""
    is_ordered: bool = False
    """Whether an earlier run has ordered, and SCM has issued since."""

    def prepare(self, harness: Harness) -> None:
        """Prepare the harness for both runs."""
        self.scenario.prepare(harness)
        if self.is_ordered:
            harness.daily_run()
            harness.time.pass_seconds(86_400)


PAIRS = (
    RunPair("daily and hourly, s3, renewal", _SCENARIO["s3, renewal, slow"], _DAILY, _HOURLY),
    RunPair("daily twice, s3, first", _SCENARIO["s3, first, immediate"], _DAILY, _DAILY),
    RunPair(
        "hourly and daily, acm, open order",
        Scenario("acm, first, next day", (PARIS,), NEXT_DAY),
        _HOURLY,
        _DAILY,
        is_ordered=True,
    ),
    RunPair("daily twice, acm, re-import", _SCENARIO["acm, re-import, immediate"], _DAILY, _DAILY),
)


@dataclass(slots=True)
class Turns:
    """Lets one run at a time make calls; the others wait before their next call."""

    harness: Harness
    run_id: str = ""
    """The run whose turn it is."""
    _left: int = 0
    _runs: dict[str, threading.Thread] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def is_due(self, call: Call) -> bool:
        """Return whether the call belongs to one of the runs."""
        return call.invocation.run_id in self._runs

    def apply(self, call: Call) -> Any:
        """Wait for the run's turn, and make the call; Lambda may have killed the function meanwhile."""
        with self._changed:
            if not self._has_turn(call):
                self.run_id = ""
                self._changed.notify_all()
                self._await(lambda: self._has_turn(call))
            self._left -= 1
        is_late = self.harness.time() > call.invocation.ends_at and call.boundary.service != "lambda"
        return killed(call) if is_late else call.answers.effect()

    def take(self, run_id: str, calls: int, request: Mapping[str, Any]) -> None:
        """Let a run make *calls*; return when it waits or has ended. The first turn starts it with *request*."""
        with self._changed:
            self.run_id, self._left = run_id, calls
            self._changed.notify_all()
        if run_id not in self._runs:
            self._runs[run_id] = threading.Thread(target=self._run, args=(run_id, request))
            self._runs[run_id].start()
        with self._changed:
            self._await(lambda: self.run_id != run_id or not self._runs[run_id].is_alive())

    def _run(self, run_id: str, request: Mapping[str, Any]) -> None:
        try:
            self.harness.run(run_id, **request)
        finally:
            with self._changed:
                self.run_id = ""
                self._changed.notify_all()

    def _has_turn(self, call: Call) -> bool:
        return call.invocation.run_id == self.run_id and self._left > 0

    def _await(self, condition: Any) -> None:
        if not self._changed.wait_for(condition, _PATIENCE):
            message = f"no run goes on; it is the turn of {self.run_id or 'none'}"
            raise TimeoutError(message)

    def join(self) -> None:
        """Wait until both threads have ended."""
        for thread in self._runs.values():
            thread.join(_PATIENCE)


@dataclass(frozen=True, slots=True)
class PlayedSchedule:
    """The outcome of a schedule."""

    schedule: Schedule
    switches: tuple[int, ...]
    """`switches` of the second run."""
    violations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """*first* calls of the first run, *second* of the second, then the rest of each."""

    pair: RunPair
    first: int
    second: int = WHOLE

    def __str__(self) -> str:
        return f"{self.pair.name}: {self.first} calls, then {'all' if self.second == WHOLE else self.second}"

    def play(self, harness: Harness) -> PlayedSchedule:
        """Play both runs, then daily runs until the estate is at rest."""
        turns, before = Turns(harness), len(harness.played.simulator.orders)
        first, second = harness.next_run_id(), harness.next_run_id()
        harness.interception.injection = turns
        with contextlib.redirect_stdout(harness.played.log):  # the threads do not restore it in the reverse order
            for run_id, calls, request in (
                (first, self.first, self.pair.first),
                (second, self.second, self.pair.second),
                (first, WHOLE, self.pair.first),
                (second, WHOLE, self.pair.second),
            ):
                turns.take(run_id, calls, request)
            turns.join()
        harness.interception.injection = None
        ended = {run.run_id: run for run in harness.played.runs}
        violated = [f"both_runs_succeed: {text}" for run_id in (first, second) for text in _failures(ended[run_id])]
        violated += settled(harness, before, 0 if self.pair.is_ordered else self.pair.scenario.due)[1]
        return PlayedSchedule(self, switches(harness.interception.boundaries[second]), tuple(dict.fromkeys(violated)))

    def failed(self, text: str) -> PlayedSchedule:
        """Return the outcome when the harness failed."""
        return PlayedSchedule(self, (), (text,))


def _failures(run: Run) -> Iterator[str]:
    if run.status != "SUCCEEDED":
        yield f"{run.run_id} ended {run.status} {run.error} {', '.join(run.certificate_errors)}"


def explore(harness: Harness, pair: RunPair, most: int, *, jobs: int, seed: int) -> Iterator[PlayedSchedule]:
    """Yield the outcome of every schedule with one switch, and of *most* of those with two, chosen by *seed*."""
    pair.prepare(harness)
    calls = harness.interception.boundaries[harness.run(**pair.first).run_id]
    pair.prepare(harness)
    firsts = sorted({1, *switches(calls)})
    once = list(play_all(harness, [Schedule(pair, first) for first in firsts], jobs=jobs, seed=seed))
    yield from once
    yield from play_all(harness, _chosen(twice(once), most, seed), jobs=jobs, seed=seed)


def switches(calls: Sequence[Boundary]) -> tuple[int, ...]:
    """Return the numbers of the calls after which a switch to the other run is a schedule of its own.

    None after the last. After a call of an `UNSHARED` service, or about the run's own objects, it is the same schedule
    as before that call, because the call may as well be the first one after the switch back.
    """
    shared = (not call.is_own and call.service not in UNSHARED for call in calls[:-1])
    return tuple(number for number, is_shared in enumerate(shared, 1) if is_shared)


def twice(once: Iterable[PlayedSchedule]) -> list[Schedule]:
    """Return every schedule in which the second run is interrupted too."""
    return [
        Schedule(played.schedule.pair, played.schedule.first, second) for played in once for second in played.switches
    ]


def _chosen(every: list[Schedule], most: int, seed: int) -> list[Schedule]:
    return random.Random(seed).sample(every, min(most, len(every)))  # noqa: S311
