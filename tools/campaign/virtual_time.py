"""A clock that only the harness moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


class VirtualTime:
    """The clock of functions, state machine, CA and stores; aware, UTC, monotonic except for `set`."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._due: list[tuple[datetime, Callable[[], None]]] = []
        self._lock = threading.RLock()
        self._own = threading.local()

    def __call__(self) -> datetime:
        """Return the present time."""
        with self._lock:
            return self._now

    def seconds(self) -> float:
        """Return the present time in seconds, as a monotonic clock does."""
        return self().timestamp()

    def own_seconds(self) -> float:
        """Return the seconds by which this thread has advanced the clock: other threads' waits are not its own."""
        return getattr(self._own, "seconds", 0.0)

    def pass_seconds(self, seconds: float) -> None:
        """Advance the clock, then run the actions that are due."""
        self._own.seconds = self.own_seconds() + seconds
        with self._lock:
            self._now += timedelta(seconds=seconds)
            due = [action for time, action in self._due if time <= self._now]
            self._due = [entry for entry in self._due if entry[0] > self._now]
        for action in due:
            action()

    def set(self, now: datetime) -> None:
        """Set the clock to *now*, with no action due."""
        with self._lock:
            self._now, self._due = now, []

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run *action* when *seconds* have passed."""
        with self._lock:
            self._due.append((self._now + timedelta(seconds=seconds), action))
