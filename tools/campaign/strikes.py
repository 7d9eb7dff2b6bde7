"""The modes: what can happen to one call of one run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from campaign.virtual_time import VirtualTime
from campaign.wire import Boundary, Crossing, Killed
from scm_simulator import Fault

LATE_SECONDS = {"scm": 290.0, "aws": 100.0}
"""How long a request may linger on the way: below QuietSeconds, and below what an import is claimed for, as
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
    RIVAL_BEFORE = "rival run before"
    RIVAL_AFTER = "rival run after"
    LATE = "effect comes late"
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
    SCM_STALE = "connection gone stale"


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

OF_SCM = frozenset({*SCM_FAULTS, Mode.REFUSED})
"""What only SCM does."""
_WHOLE_RUN = {Mode.RUN_KILLED_BEFORE, Mode.RUN_KILLED_AFTER}


@dataclass(slots=True)
class ModeStrike:
    """One mode at one boundary of one run."""

    mode: Mode
    boundary: Boundary
    run_id: str
    rival: Callable[[], None]
    """Runs the whole state machine once more, beside this run."""
    time: VirtualTime
    has_hit: bool = False

    def is_due(self, crossing: Crossing) -> bool:
        """Return whether this is the call, or one that the mode spoils along with it."""
        if crossing.invocation.run_id != self.run_id:
            return False
        if not self.has_hit:
            return crossing.boundary == self.boundary
        return self._goes_on(crossing)

    def _goes_on(self, crossing: Crossing) -> bool:
        """The modes that last: for the run, for the service, or for the attempt."""
        if self.mode in _WHOLE_RUN:
            return True
        if self.mode in {Mode.OUTAGE, Mode.REFUSED}:
            return crossing.boundary.service == self.boundary.service
        same = crossing.boundary.operation == self.boundary.operation
        lasts = self.mode in {Mode.ANSWERS_LOST, Mode.ERRORS, Mode.DENIED}
        return lasts and same and crossing.invocation.struck

    def hit(self, crossing: Crossing) -> Any:
        """Strike."""
        is_first, self.has_hit = not self.has_hit, True
        crossing.invocation.struck = True
        crossing.invocation.is_gone_for_good = self.mode in _WHOLE_RUN
        if self.mode in {Mode.KILLED_BEFORE, Mode.RUN_KILLED_BEFORE} or (
            self.mode is Mode.RUN_KILLED_AFTER and not is_first
        ):
            return _die(crossing)
        if self.mode in OF_SCM:
            return self.faulty(crossing)
        return _HITS[self.mode](self, crossing)

    def faulty(self, crossing: Crossing) -> Any:
        """SCM, or what stands before it, answers in one of its awkward ways."""
        if crossing.faulty is None:
            message = f"{crossing.boundary} is no call to SCM"
            raise ValueError(message)
        return crossing.faulty(replace(SCM_FAULTS[self.mode]) if self.mode in SCM_FAULTS else None)

    def killed_after(self, crossing: Crossing) -> Any:
        """The call is made; nobody lives to read the answer."""
        crossing.effect()
        return _die(crossing)

    def answer_lost(self, crossing: Crossing) -> Any:
        """The call is made; its answer gets lost."""
        crossing.effect()
        return crossing.lost()

    def late(self, crossing: Crossing) -> Any:
        """The caller gives up on a request that arrives all the same, some minutes later."""
        seconds = LATE_SECONDS["scm" if crossing.boundary.service == "scm" else "aws"]
        self.time.later(seconds, lambda: _apart(crossing.effect))
        return crossing.lost()

    def rival_before(self, crossing: Crossing) -> Any:
        """Another run does all its work at this point; then this one goes on, if it still has time."""
        self.rival()
        return crossing.effect() if self.time() <= crossing.invocation.ends_at else _die(crossing)

    def rival_after(self, crossing: Crossing) -> Any:
        """The call is made, and another run does all its work before the answer is used."""
        answer = crossing.effect()
        self.rival()
        return answer


def _die(crossing: Crossing) -> Any:
    crossing.invocation.is_dead = True
    raise Killed


def _apart(effect: Callable[[], Any]) -> None:
    """A late effect happens in nobody's thread, and nobody sees its answer or its error."""

    def act() -> None:
        with contextlib.suppress(Exception, Killed):
            effect()

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


_HITS: dict[Mode, Callable[[ModeStrike, Crossing], Any]] = {
    Mode.KILLED_AFTER: ModeStrike.killed_after,
    Mode.RUN_KILLED_AFTER: ModeStrike.killed_after,
    Mode.ANSWER_LOST: ModeStrike.answer_lost,
    Mode.ANSWERS_LOST: ModeStrike.answer_lost,
    Mode.ERROR: lambda _, crossing: crossing.error(),
    Mode.ERRORS: lambda _, crossing: crossing.error(),
    Mode.DENIED: lambda _, crossing: crossing.denial(),
    Mode.OUTAGE: lambda _, crossing: crossing.error(),
    Mode.RIVAL_BEFORE: ModeStrike.rival_before,
    Mode.RIVAL_AFTER: ModeStrike.rival_after,
    Mode.LATE: ModeStrike.late,
}


@dataclass(slots=True)
class Sequel:
    """Two strikes of one run: the second at what the run does about the first."""

    first: ModeStrike
    second: ModeStrike

    def is_due(self, crossing: Crossing) -> bool:
        """The second waits for the first."""
        return self.first.is_due(crossing) or (self.first.has_hit and self.second.is_due(crossing))

    def hit(self, crossing: Crossing) -> Any:
        """Strike with whichever is due."""
        return (self.first if self.first.is_due(crossing) else self.second).hit(crossing)


@dataclass(slots=True)
class NthStrike(ModeStrike):
    """Strikes a run at its nth call, whatever that is; what only SCM does at the next call to SCM."""

    nth: int = 0

    def is_due(self, crossing: Crossing) -> bool:
        """Count the run's calls down."""
        if crossing.invocation.run_id != self.run_id:
            return False
        if self.has_hit:
            return self._goes_on(crossing)
        self.nth -= 1
        if self.nth > 0 or (self.mode in OF_SCM and crossing.faulty is None):
            return False
        self.boundary = crossing.boundary
        return True
