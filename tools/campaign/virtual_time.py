"""Time that passes only when something takes time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


class VirtualTime:
    """The clock of functions, state machine, CA and stores alike; aware, UTC, never going back by itself."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._due: list[tuple[datetime, Callable[[], None]]] = []
        self._lock = threading.RLock()

    def __call__(self) -> datetime:
        """Return the present moment."""
        with self._lock:
            return self._now

    def seconds(self) -> float:
        """Return the present moment in seconds, for whoever wants a monotonic clock."""
        return self().timestamp()

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass, and let happen what was put off until then."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
            ripe = [action for moment, action in self._due if moment <= self._now]
            self._due = [entry for entry in self._due if entry[0] > self._now]
        for action in ripe:
            action()

    def set(self, moment: datetime) -> None:
        """Start again at *moment*, with nothing put off."""
        with self._lock:
            self._now, self._due = moment, []

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have *action* happen when so many seconds have passed."""
        with self._lock:
            self._due.append((self._now + timedelta(seconds=seconds), action))
