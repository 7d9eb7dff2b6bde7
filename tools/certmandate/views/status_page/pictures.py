"""Positions of what the pictures show: shares of the width in percent, so that text keeps its size on a phone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Self

from certmandate.workload import WEEK

SPAN = timedelta(days=365)
MOST_LANES = 40
"""Delegations in the picture; the ones with the nearest dates."""
PAST_WEEKS, FUTURE_WEEKS = 12, 52
MOST_BY_DAY = 60
"""Certificates; of a larger estate, the picture has one mark for each week."""
_SMALLEST, _LARGEST = 4.0, 11.0  # radius in pixels


@dataclass(frozen=True, slots=True)
class Planned:
    """A certificate in the timeline."""

    delegation: str
    expires: date | None
    """Of what is stored."""
    renewals: tuple[date, ...]
    """Days on which it will be ordered."""

    @property
    def is_late(self) -> bool:
        """Whether it expires with no renewal before."""
        return self.expires is not None and not any(day < self.expires for day in self.renewals)


@dataclass(frozen=True, slots=True)
class Mark:
    """What happens to certificates of one delegation on one day."""

    kind: str
    """`renewal`, `expiry`, or `late`: an expiry with no renewal before."""
    day: date
    number: int
    share: float
    """0 = the first day of the picture, 100 = the last."""

    @property
    def radius(self) -> float:
        """In pixels: the area grows with the number."""
        return round(min(_SMALLEST - 1 + sqrt(self.number), _LARGEST), 1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One delegation in the timeline."""

    delegation: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Expiries and planned renewals of twelve months, by delegation."""

    begins: date
    lanes: tuple[Lane, ...]
    left_out: int
    """Delegations that are not among the lanes."""

    @classmethod
    def of(cls, certificates: Iterable[Planned], today: date) -> Self:
        """Return the lanes by name; of more than MOST_LANES, those with the nearest late expiry or other date."""
        every = tuple(certificates)
        rounded = (lambda day: max(_monday(day), today)) if len(every) > MOST_BY_DAY else (lambda day: day)
        marks: dict[str, Counter[tuple[str, date]]] = {}
        for certificate in every:
            dates = ((kind, rounded(day)) for kind, day in _dates(certificate, today))
            marks.setdefault(certificate.delegation, Counter()).update(dates)
        lanes = [Lane(name, tuple(_marks(own, today))) for name, own in marks.items()]
        nearest = sorted(
            lanes, key=lambda lane: min(((m.kind != "late", m.day) for m in lane.marks), default=(True, date.max))
        )
        kept = sorted(nearest[:MOST_LANES], key=lambda lane: lane.delegation)
        return cls(today, tuple(kept), len(lanes) - len(kept))

    @property
    def ends(self) -> date:
        """The last day."""
        return self.begins + SPAN

    def months(self) -> Iterator[tuple[float, date]]:
        """Yield the position and first day of each month."""
        return _months(self.begins, self.ends)


@dataclass(frozen=True, slots=True)
class Week:
    """The orders of one week, from Monday."""

    begins: date
    orders: Mapping[str, int]
    """`stored`, `failed` and `planned` to their numbers."""

    @property
    def total(self) -> int:
        """All orders."""
        return sum(self.orders.values())


@dataclass(frozen=True, slots=True)
class Weeks:
    """Orders of past and coming weeks."""

    weeks: tuple[Week, ...]
    busiest: int
    """The highest number of orders that are planned in a week."""

    @classmethod
    def of(cls, ended: Iterable[tuple[date, str]], planned: Iterable[date], today: date) -> Self:
        """Return the weeks. *ended*: day and outcome of each order that has ended."""
        numbers = Counter((_monday(day), outcome) for day, outcome in ended)
        numbers.update((_monday(day), "planned") for day in planned)
        begins = [_monday(today) + WEEK * number for number in range(-PAST_WEEKS, FUTURE_WEEKS)]
        weeks = [Week(day, {kind: numbers[day, kind] for kind in ("stored", "failed", "planned")}) for day in begins]
        return cls(tuple(weeks), max(week.orders["planned"] for week in weeks))

    @property
    def highest(self) -> int:
        """The highest number of orders in a week, at least 1."""
        return max(1, *(week.total for week in self.weeks))

    @property
    def bar_width(self) -> float:
        """Of a week, in percent, with a gap to the next one."""
        return round(80 / len(self.weeks), 2)

    def share_of(self, day: date) -> float:
        """Return the position of *day*, in percent."""
        return _share(day, self.weeks[0].begins, self._end)

    def months(self) -> Iterator[tuple[float, date]]:
        """Yield the position and first day of each month."""
        return _months(self.weeks[0].begins, self._end)

    @property
    def _end(self) -> date:
        return self.weeks[-1].begins + WEEK

    def bars(self, week: Week, height: float) -> Iterator[tuple[str, float, float]]:
        """Yield kind, upper end and height of each part of a week's bar, in a picture *height* pixels high."""
        top = height
        for kind, number in week.orders.items():
            if number:
                part = number / self.highest * height
                top -= part
                yield kind, round(top, 1), round(part, 1)


def _dates(certificate: Planned, today: date) -> Iterator[tuple[str, date]]:
    if certificate.expires is not None and certificate.expires <= today + SPAN:
        yield "late" if certificate.is_late else "expiry", max(certificate.expires, today)
    yield from (("renewal", day) for day in certificate.renewals if today <= day <= today + SPAN)


def _marks(found: Counter[tuple[str, date]], today: date) -> Iterator[Mark]:
    for (kind, day), number in sorted(found.items(), key=lambda item: (item[0][0] == "late", item[0][1])):
        yield Mark(kind, day, number, _share(day, today, today + SPAN))


def _months(begins: date, ends: date) -> Iterator[tuple[float, date]]:
    day = begins.replace(day=1)
    while day <= ends:
        if day >= begins:
            yield _share(day, begins, ends), day
        day = (day + timedelta(days=31)).replace(day=1)


def _share(day: date, begins: date, ends: date) -> float:
    return round((day - begins) / (ends - begins) * 100, 2)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
