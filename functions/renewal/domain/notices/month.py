"""The months that RAOs get reports about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC."""

    first: date

    @property
    def begins(self) -> datetime:
        """Its start."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def ends(self) -> datetime:
        """The start of the next month."""
        return (self.begins + timedelta(days=31)).replace(day=1)

    def has(self, at: datetime) -> bool:
        """Return whether *at* is in it."""
        return self.begins <= at < self.ends

    def __str__(self) -> str:
        """`2026-11`."""
        return f"{self.first:%Y-%m}"


def month_named(text: str) -> Month:
    """Return the month written as `2026-11`. Raises ValueError."""
    return Month(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date())


def month_before(now: datetime) -> Month:
    """Return the month before the one of *now*."""
    return Month((now.date().replace(day=1) - timedelta(days=1)).replace(day=1))
