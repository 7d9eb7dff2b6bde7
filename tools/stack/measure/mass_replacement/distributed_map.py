"""A Map of the state machine in virtual time: delegations side by side, and the certificates of each."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

Work = Callable[[float], float]
"""One invocation: takes the second at which it begins, and returns the second at which it ends."""


@dataclass(slots=True)
class _Child:
    """The child execution of one delegation."""

    left: deque[Work]
    lanes: int = 0


@dataclass(slots=True)
class DistributedMap:
    """One Map: at most *children* delegations at a time, each with *lanes* invocations at a time."""

    children: int
    lanes: int
    before: Work
    """What a child does first."""
    most_at_once: int = 0
    """Of the lanes of one child."""
    _events: list[tuple[float, int, _Child]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def play(self, works: Mapping[str, Sequence[Work]], now: float) -> float:
        """Do *works*, by delegation; return when the last one has ended."""
        waiting, last = deque(_Child(deque(each)) for each in works.values()), now
        for _ in range(min(self.children, len(waiting))):
            self._begin(waiting.popleft(), now)
        while self._events:
            last, _, child = heapq.heappop(self._events)
            if child.left:
                self._push(child.left.popleft()(last), child)
                continue
            child.lanes -= 1
            if not child.lanes and waiting:
                self._begin(waiting.popleft(), last)
        return last

    def _begin(self, child: _Child, now: float) -> None:
        ready = self.before(now)
        child.lanes = min(self.lanes, len(child.left))
        self.most_at_once = max(self.most_at_once, child.lanes)
        for _ in range(child.lanes):
            self._push(ready, child)

    def _push(self, at: float, child: _Child) -> None:
        heapq.heappush(self._events, (at, next(self._order), child))
