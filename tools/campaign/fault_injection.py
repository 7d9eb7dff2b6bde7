"""The modes: what can happen to one call of one run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call, Killed
from scm_simulator import Fault

LATE_SECONDS = {"scm": 290.0, "aws": 100.0}
"""How long a request may be delayed: below QuietSeconds, and below the time for which an import is claimed, as
docs/reliability.md assumes."""


class Mode(StrEnum):
    """What happens at a boundary. *Attempt*: one invocation of one function, which the state machine may repeat."""

    KILLED_BEFORE = "attempt killed before"
    KILLED_AFTER = "attempt killed after"
    RUN_KILLED_BEFORE = "run killed before"
    RUN_KILLED_AFTER = "run killed after"
    ANSWER_LOST = "answer lost once"
    ANSWERS_LOST = "answers lost"
    ERROR = "error answered once"
    ERRORS = "errors answered"
    DENIED = "refused for good"
    OUTAGE = "service down from there"
    CONCURRENT_BEFORE = "concurrent run before"
    CONCURRENT_AFTER = "concurrent run after"
    LATE = "late effect"
    REFUSED = "login refused from there"
    SCM_RESET = "reset after processing"
    SCM_LIMITED = "429"
    SCM_LIMITED_UNTIL = "429 with Retry-After"
    SCM_LIMITED_AFTER = "429 after processing"
    SCM_UNAVAILABLE = "503 in plain text"
    SCM_HTML = "502 in HTML"
    SCM_EMPTY = "empty 200"
    SCM_TRUNCATED = "half of the answer"
    SCM_MEDIA = "wrong content type"
    SCM_STALE = "stale connection"


SCM_FAULTS: Mapping[Mode, Fault] = {
    Mode.SCM_RESET: Fault("reset_after"),
    Mode.SCM_LIMITED: Fault("too_many_requests"),
    Mode.SCM_LIMITED_UNTIL: Fault("too_many_requests", retry_after=30),
    Mode.SCM_LIMITED_AFTER: Fault("too_many_requests", processed=True),
    Mode.SCM_UNAVAILABLE: Fault("unavailable"),
    Mode.SCM_HTML: Fault("bad_gateway"),
    Mode.SCM_EMPTY: Fault("empty"),
    Mode.SCM_TRUNCATED: Fault("truncated"),
    Mode.SCM_MEDIA: Fault("wrong_content_type"),
    Mode.SCM_STALE: Fault("stale"),
}
"""The simulator's faults; slow answers are `answers lost`, with the time that waiting takes."""

SCM_MODES = frozenset({*SCM_FAULTS, Mode.REFUSED})
"""Faults of SCM alone."""
_WHOLE_RUN = {Mode.RUN_KILLED_BEFORE, Mode.RUN_KILLED_AFTER}
_WHOLE_ATTEMPT = {Mode.ANSWERS_LOST, Mode.ERRORS, Mode.DENIED}


@dataclass(slots=True)
class FaultInjection:
    """One mode at one boundary of one run."""

    harness: Harness
    mode: Mode
    boundary: Boundary
    run_id: str = ""
    """The run; `Harness.run_with` sets it."""
    was_reached: bool = False
    concurrent: Callable[[], None] | None = None
    """What a concurrent mode does instead of a second run."""

    def is_due(self, call: Call) -> bool:
        """Return whether this is the call, or a later call that the mode affects too."""
        if call.invocation.run_id != self.run_id:
            return False
        return self._affects_later(call) if self.was_reached else self._is_first(call)

    def _is_first(self, call: Call) -> bool:
        return call.boundary == self.boundary

    def _affects_later(self, call: Call) -> bool:
        """Return whether the mode lasts: for the run, for the service, or for the attempt."""
        if self.mode in _WHOLE_RUN:
            return True
        if self.mode in {Mode.OUTAGE, Mode.REFUSED}:
            return call.boundary.service == self.boundary.service
        is_same = call.boundary.operation == self.boundary.operation
        return self.mode in _WHOLE_ATTEMPT and is_same and call.invocation.is_affected

    def apply(self, call: Call) -> Any:
        """Inject the fault."""
        is_later, self.was_reached = self.was_reached, True
        call.invocation.is_affected = True
        call.invocation.is_exit = self.mode in _WHOLE_RUN
        if self.mode in SCM_MODES:
            return self._faulty(call)
        if self.mode is Mode.RUN_KILLED_AFTER and is_later:
            return killed(call)
        return _EFFECTS[self.mode](self, call)

    def _faulty(self, call: Call) -> Any:
        if call.answers.faulty is None:
            message = f"{call.boundary} is no call to SCM"
            raise ValueError(message)
        return call.answers.faulty(replace(SCM_FAULTS[self.mode]) if self.mode in SCM_FAULTS else None)

    def killed_after(self, call: Call) -> Any:
        """Make the call, and kill the environment before it reads the answer."""
        call.answers.effect()
        return killed(call)

    def answer_lost(self, call: Call) -> Any:
        """Make the call, and lose its answer."""
        call.answers.effect()
        return call.answers.lost()

    def late(self, call: Call) -> Any:
        """Let the caller time out; the request arrives some minutes later."""
        seconds = LATE_SECONDS["scm" if call.boundary.service == "scm" else "aws"]
        self.harness.time.later(seconds, lambda: _in_own_thread(call.answers.effect))
        return call.answers.lost()

    def concurrent_before(self, call: Call) -> Any:
        """Let another run do all its work here; then make the call, if there is time left."""
        self._run_concurrently()
        return call.answers.effect() if self.harness.time() <= call.invocation.ends_at else killed(call)

    def concurrent_after(self, call: Call) -> Any:
        """Make the call, and let another run do all its work before the answer is used."""
        answer = call.answers.effect()
        self._run_concurrently()
        return answer

    def _run_concurrently(self) -> None:
        (self.concurrent or self.harness.concurrent_run)()


def killed(call: Call) -> Any:
    """Kill the environment. Raises Killed."""
    call.invocation.is_dead = True
    raise Killed


def _in_own_thread(effect: Callable[[], Any]) -> None:
    """A late effect belongs to no invocation: its answer and its error are dropped."""

    def act() -> None:
        with contextlib.suppress(Exception, Killed):
            effect()

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


_EFFECTS: dict[Mode, Callable[[FaultInjection, Call], Any]] = {
    Mode.KILLED_BEFORE: lambda _, call: killed(call),
    Mode.KILLED_AFTER: FaultInjection.killed_after,
    Mode.RUN_KILLED_BEFORE: lambda _, call: killed(call),
    Mode.RUN_KILLED_AFTER: FaultInjection.killed_after,
    Mode.ANSWER_LOST: FaultInjection.answer_lost,
    Mode.ANSWERS_LOST: FaultInjection.answer_lost,
    Mode.ERROR: lambda _, call: call.answers.error(),
    Mode.ERRORS: lambda _, call: call.answers.error(),
    Mode.DENIED: lambda _, call: call.answers.denial(),
    Mode.OUTAGE: lambda _, call: call.answers.error(),
    Mode.CONCURRENT_BEFORE: FaultInjection.concurrent_before,
    Mode.CONCURRENT_AFTER: FaultInjection.concurrent_after,
    Mode.LATE: FaultInjection.late,
}


@dataclass(slots=True)
class SecondInjection(FaultInjection):
    """A fault in what a run does about a first fault."""

    first: FaultInjection = field(kw_only=True)

    def is_due(self, call: Call) -> bool:
        """Return whether the first fault is due, or has been injected and this one is due."""
        self.first.run_id = self.run_id
        return self.first.is_due(call) or (self.first.was_reached and FaultInjection.is_due(self, call))

    def apply(self, call: Call) -> Any:
        """Inject the fault that is due."""
        return self.first.apply(call) if self.first.is_due(call) else FaultInjection.apply(self, call)


@dataclass(slots=True)
class NthCallInjection(FaultInjection):
    """A fault at the nth call of a run, whatever that is; a fault of SCM at the next call to SCM."""

    nth: int = field(kw_only=True)

    def _is_first(self, call: Call) -> bool:
        self.nth -= 1
        if self.nth > 0 or (self.mode in SCM_MODES and call.answers.faulty is None):
            return False
        self.boundary = call.boundary
        return True
