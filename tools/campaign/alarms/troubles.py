"""What goes wrong in an estate of delegations, by a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What goes wrong."""

    CREDENTIAL_REFUSED = "credential refused"
    NOT_PERMITTED = "orders not permitted"
    NOT_APPROVED = "orders not approved"
    DECLINED = "orders declined"
    SLOW = "CA slow"
    """Orders take up to 20 hours: no one has to act."""
    NOT_STORED = "issued certificates not stored"
    STORE_CHANGED = "store changed"
    FOREIGN_ORDERS = "orders by others"
    PASSWORD_NOT_ROTATED = "password not rotated"  # noqa: S105 - no password
    NO_ANSWER = "no answer of SCM"
    """Of all delegations."""


LONGEST = {
    Kind.CREDENTIAL_REFUSED: 80,
    Kind.NOT_PERMITTED: 80,
    Kind.NOT_APPROVED: 90,
    Kind.DECLINED: 40,
    Kind.SLOW: 30,
    Kind.NOT_STORED: 40,
    Kind.STORE_CHANGED: 20,
    Kind.FOREIGN_ORDERS: 20,
    Kind.PASSWORD_NOT_ROTATED: 18,
}
"""Days until it ends, at most."""
DAYS_BETWEEN = 45
"""On average, between two troubles of a delegation."""
DAYS_BETWEEN_OUTAGES = 120


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble of one delegation; *delegation* empty = of all."""

    kind: Kind
    delegation: str
    begins: float
    """In days, from the beginning of the estate."""
    ends: float

    def lasts(self, delegation: str, days: float) -> bool:
        """Whether it affects *delegation* after so many *days*."""
        return self.begins <= days < self.ends and self.delegation in {"", delegation}


def drawn(random: Random, delegations: Sequence[str], days: int) -> tuple[Trouble, ...]:
    """Draw the troubles of all *days*: of a delegation, one after the other."""
    every = [trouble for name in delegations for trouble in _of(random, name, days)]
    day = 0.0
    while (day := day + random.expovariate(1 / DAYS_BETWEEN_OUTAGES)) < days:
        every.append(Trouble(Kind.NO_ANSWER, "", day, day + random.random()))
    return tuple(every)


def _of(random: Random, name: str, days: int) -> Iterator[Trouble]:
    day = random.expovariate(1 / DAYS_BETWEEN)
    while day < days:
        kind = random.choice(list(LONGEST))
        ends = day + random.random() * LONGEST[kind]
        yield Trouble(kind, name, day, ends)
        day = ends + 2 + random.expovariate(1 / DAYS_BETWEEN)
