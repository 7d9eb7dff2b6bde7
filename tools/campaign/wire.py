"""Every call of a function to the world crosses here: it is numbered, recorded, and may be struck.

The boundaries of a run are found by recording a healthy one, so a new call is covered the day it is written.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from campaign.virtual_time import VirtualTime

CALL_SECONDS = 0.05
"""What an ordinary call takes."""


class Killed(BaseException):
    """The execution environment is gone at this point: no handler of the product may catch this."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The *nth* call of an operation in a run, and the function that makes it."""

    service: str
    operation: str
    nth: int
    function: str

    def __str__(self) -> str:
        return f"{self.service}:{self.operation} #{self.nth} in {self.function}"


@dataclass(slots=True)
class Invocation:
    """One attempt of one function, in one execution environment."""

    run_id: str
    function: str
    ends_at: datetime
    """When Lambda kills it."""
    is_dead: bool = False
    is_gone_for_good: bool = False
    """Whether Lambda reports an exit, which the state machine does not repeat, rather than a time-out."""
    struck: bool = False


@dataclass(frozen=True, slots=True)
class Crossing:
    """A call on its way: what it does, and the ways in which it can be spoilt."""

    boundary: Boundary
    invocation: Invocation
    effect: Callable[[], Any]
    """Makes the call; returns the answer."""
    lost: Callable[[], Any]
    """Raises, or returns, what a caller sees whose answer never came."""
    error: Callable[[], Any]
    """… whose service was busy or down, and did nothing."""
    denial: Callable[[], Any]
    """… whose service refused for good, and did nothing."""
    faulty: Callable[[Any], Any] | None = None
    """Makes the call while SCM's simulator has this fault, or with None refuses the login; only for calls to SCM."""


class Strike(Protocol):
    """What happens at one boundary of one run."""

    def is_due(self, crossing: Crossing) -> bool:
        """Return whether this call is to be struck."""

    def hit(self, crossing: Crossing) -> Any:
        """Strike; return the answer that the caller sees, or raise what it sees."""


@dataclass(slots=True)
class Wire:
    """Where all calls cross. One strike at a time is armed."""

    time: VirtualTime
    strike: Strike | None = None
    crossed: dict[str, list[Boundary]] = field(default_factory=dict)
    """Boundaries by run, in their order."""
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _here: threading.local = field(default_factory=threading.local)

    def enter(self, invocation: Invocation | None) -> None:
        """Say whose calls this thread makes from now on."""
        self._here.invocation = invocation

    @property
    def invocation(self) -> Invocation:
        """The invocation that this thread plays."""
        here: Invocation = self._here.invocation
        return here

    def cross(
        self,
        service: str,
        operation: str,
        *,
        effect: Callable[[], Any],
        lost: Callable[[], Any],
        error: Callable[[], Any],
        denial: Callable[[], Any],
        faulty: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Make a call, unless it is struck; return its answer. Raises Killed in a dead environment."""
        invocation = self.invocation
        self.require_alive(invocation)
        self.time.pass_seconds(CALL_SECONDS)
        boundary = self._numbered(invocation, service, operation)
        crossing = Crossing(boundary, invocation, effect, lost, error, denial, faulty)
        strike = self.strike
        try:
            answer = strike.hit(crossing) if strike is not None and strike.is_due(crossing) else effect()
        finally:
            self.require_alive(invocation)  # it may have been killed while it waited, whatever came of the call
        return answer

    def require_alive(self, invocation: Invocation) -> None:
        """Raise Killed when the environment is gone, or its time is over."""
        if self.time() > invocation.ends_at:
            invocation.is_dead = True
        if invocation.is_dead:
            raise Killed

    def forget(self) -> None:
        """Start afresh, with nothing armed."""
        self.strike = None
        self.crossed = {}
        self._counts.clear()

    def _numbered(self, invocation: Invocation, service: str, operation: str) -> Boundary:
        with self._lock:
            key = (invocation.run_id, service, operation)
            self._counts[key] += 1
            boundary = Boundary(service, operation, self._counts[key], invocation.function)
            self.crossed.setdefault(invocation.run_id, []).append(boundary)
            return boundary
