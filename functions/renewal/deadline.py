"""How much time is left: of an invocation, and of one call within it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time at which something must have ended, by *clock*, which returns the current time in UTC."""

    ends: datetime
    clock: Callable[[], datetime]

    def seconds_left(self) -> float:
        """Return the seconds that are left; 0 when the deadline has passed."""
        return max(0.0, (self.ends - self.clock()).total_seconds())

    def before(self, seconds: float) -> Deadline:
        """Return the deadline that is *seconds* earlier."""
        return replace(self, ends=self.ends - timedelta(seconds=seconds))

    def at_most(self, seconds: float) -> Deadline:
        """Return the earlier of this deadline and *seconds* from now."""
        return replace(self, ends=min(self.ends, self.clock() + timedelta(seconds=seconds)))
