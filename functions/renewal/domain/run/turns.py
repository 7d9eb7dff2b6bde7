"""The order in which a step works on more than its time may suffice for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from math import gcd

_GOLDEN_SECTION = 0.618
"""Of the whole: steps of it, around a circle, fall into the largest gap that is left."""


def in_turn(names: Iterable[str], turn: int) -> tuple[str, ...]:
    """Return *names* sorted, and begun with another one at each turn, so that none is always too late.

    *turn*: the number of the day, for example. Each is the first once in as many turns as there are names. The
    beginnings of a few turns are spread over all of them: where a turn suffices for half, four suffice for all.
    """
    ordered = sorted(names)
    if not ordered:
        return ()
    step = next(step for step in count(round(_GOLDEN_SECTION * len(ordered))) if gcd(step, len(ordered)) == 1)
    first = turn * step % len(ordered)
    return (*ordered[first:], *ordered[:first])
