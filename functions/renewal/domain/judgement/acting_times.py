"""How long it takes from a notice until its recipient has acted. Working days are Monday to Friday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from renewal.domain.errors import Actor

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class ActingTimes:
    """Working days from a notice until its recipient has acted: parameters of template.yaml."""

    operator_days: int = 1
    rao_days: int = 10

    def last_day(self, actor: Actor, due: date) -> date:
        """Return the last day on which *actor* can begin and still be done by *due*."""
        left, day = (self.rao_days if actor == "rao" else self.operator_days), due
        while left > 0:
            day -= timedelta(days=1)
            left -= day.weekday() < _SATURDAY
        return day
