"""Every call of a function to the world is intercepted: numbered, recorded, and open to fault injection.

The boundaries of a run are found by recording a healthy run, so a new call is covered on the day it is written.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from campaign.virtual_time import VirtualTime

CALL_SECONDS = 0.05
"""Duration of an ordinary call."""


class Killed(BaseException):
    """The execution environment was killed here: no handler of the product may catch this."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The *nth* call of an operation in a run, and the function that makes it."""

    service: str
    operation: str
    nth: int
    function: str
    is_own: bool = field(default=False, compare=False)
    """Whether it concerns an object that only this run reads and writes: its plan, results or report."""

    def __str__(self) -> str:
        return f"{self.service}:{self.operation} #{self.nth} in {self.function}"


@dataclass(slots=True)
class Invocation:
    """One attempt of one function, in one execution environment."""

    run_id: str
    function: str
    ends_at: datetime
    """When Lambda kills it."""
    branch: tuple[str, str] = ("", "")
    """(delegation, certificate) that it works on; empty where it works on the delegation, or on the run."""
    is_dead: bool = False
    is_exit: bool = False
    """Whether Lambda reports an exit, which the state machine does not repeat, rather than a time-out."""
    is_affected: bool = False
    """Whether a fault was injected into one of its calls."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A call that was made, and how it was answered."""

    run_id: str
    service: str
    operation: str
    account: str
    """SCM's login; empty for calls to AWS."""
    status: int
    """HTTP status; 0: no answer."""
    began: int
    ended: int
    """Positions in the order of all begins and ends."""
    branch: tuple[str, str] = ("", "")
    """(delegation, certificate) that the function works on."""
    thread: int = 0
    own_began: float = 0.0
    own_ended: float = 0.0
    """Seconds that this thread had spent before and after it: calls, and waits of the state machine."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The ways in which a call can end."""

    effect: Callable[[], Any]
    """Makes the call; returns the answer."""
    lost: Callable[[], Any]
    """Raises, or returns, what the caller observes when the answer never arrives."""
    error: Callable[[], Any]
    """Raises, or returns, the answer of a service that is busy or down, and does nothing."""
    denial: Callable[[], Any]
    """Raises, or returns, the answer of a service that refuses for good, and does nothing."""
    faulty: Callable[[Any], Any] | None = None
    """Makes the call while SCM's simulator has this fault, or with None refuses the login; only for calls to SCM."""
    account: str = ""
    """The login; only for calls to SCM."""
    is_own: bool = False
    """`Boundary.is_own`."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call before it is made."""

    boundary: Boundary
    invocation: Invocation
    answers: Answers


class Injection(Protocol):
    """A fault at one boundary of one run."""

    run_id: str

    def is_due(self, call: Call) -> bool:
        """Return whether the fault is injected into this call."""

    def apply(self, call: Call) -> Any:
        """Inject the fault; return the answer that the caller gets, or raise what it gets."""


@dataclass(slots=True)
class Interception:
    """Where all calls are intercepted. At most one injection is armed."""

    time: VirtualTime
    injection: Injection | None = None
    forgets_idle: bool = False
    """Whether connections that were idle for long are reset, as a NAT gateway does."""
    boundaries: dict[str, list[Boundary]] = field(default_factory=dict)
    """By run, in the order of the calls."""
    ledger: dict[str, list[LedgerEntry]] = field(default_factory=dict)
    """Every call by run, in the order of their ends."""
    _positions: Iterator[int] = field(default_factory=itertools.count)
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _local: threading.local = field(default_factory=threading.local)

    def enter(self, invocation: Invocation) -> None:
        """Set the invocation whose calls this thread makes from now on."""
        self._local.invocation = invocation

    @property
    def invocation(self) -> Invocation:
        """The invocation that this thread plays."""
        invocation: Invocation = self._local.invocation
        return invocation

    def intercept(self, service: str, operation: str, answers: Answers) -> Any:
        """Make a call, or inject the fault that is due; return its answer. Raises Killed in a dead environment."""
        invocation = self.invocation
        self.require_alive(invocation)
        self.time.pass_seconds(CALL_SECONDS)
        boundary = self._numbered(invocation, service, operation, is_own=answers.is_own)
        call, injection = Call(boundary, invocation, answers), self.injection
        began, status, own = next(self._positions), 0, self.time.own_seconds()
        try:
            answer = injection.apply(call) if injection is not None and injection.is_due(call) else answers.effect()
            status = getattr(answer, "status_code", 200)
        finally:
            ended = next(self._positions)
            self.ledger.setdefault(invocation.run_id, []).append(
                LedgerEntry(
                    run_id=invocation.run_id,
                    service=service,
                    operation=operation,
                    account=answers.account,
                    status=status,
                    began=began,
                    ended=ended,
                    branch=invocation.branch,
                    thread=threading.get_ident(),
                    own_began=own,
                    own_ended=self.time.own_seconds(),
                )
            )
            self.require_alive(invocation)  # it may have been killed while it waited, whatever the answer
        return answer

    def require_alive(self, invocation: Invocation) -> None:
        """Raise Killed when the environment is dead, or out of time."""
        if self.time() > invocation.ends_at:
            invocation.is_dead = True
        if invocation.is_dead:
            raise Killed

    def forget(self) -> None:
        """Discard all runs, and disarm."""
        self.injection = None
        self.forgets_idle = False
        self.boundaries = {}
        self.ledger = {}
        self._counts.clear()

    def _numbered(self, invocation: Invocation, service: str, operation: str, *, is_own: bool) -> Boundary:
        with self._lock:
            key = (invocation.run_id, service, operation)
            self._counts[key] += 1
            boundary = Boundary(service, operation, self._counts[key], invocation.function, is_own)
            self.boundaries.setdefault(invocation.run_id, []).append(boundary)
            return boundary
