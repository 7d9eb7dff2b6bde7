"""The time of a run: what its branches took, in the order in which the state machine works on them.

In virtual time the waits of parallel branches add up, so each branch is measured by itself and the Maps are played:
an item begins when one of the places of its Map is free.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from campaign.interception.calls import LedgerEntry


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of the state machine."""

    seconds: float
    delegations_at_a_time: int
    certificates_at_a_time: int

    @classmethod
    def of(cls, machine: Any) -> Budget:
        """Read the deployed state machine."""
        delegations = machine["States"]["OrderCertificates"]
        certificates = delegations["ItemProcessor"]["States"]["EnrollEach"]
        return cls(machine["TimeoutSeconds"], delegations["MaxConcurrency"], certificates["MaxConcurrency"])

    def taken(self, invocations: Iterable[LedgerEntry]) -> float:
        """Return the seconds of the run that made *invocations*."""
        spans = _spans(invocations)
        children: dict[str, list[float]] = defaultdict(list)
        for (delegation, certificate), seconds in spans.items():
            if certificate:
                children[delegation].append(seconds)
        each = (
            seconds + played(children[delegation], self.certificates_at_a_time)
            for (delegation, certificate), seconds in spans.items()
            if delegation and not certificate
        )
        return spans.get(("", ""), 0.0) + played(each, self.delegations_at_a_time)


def played(items: Iterable[float], at_a_time: int) -> float:
    """Return the seconds that a Map needs for items of that many seconds."""
    places = [0.0] * at_a_time
    for seconds in items:
        heapq.heapreplace(places, places[0] + seconds)
    return max(places)


def _spans(invocations: Iterable[LedgerEntry]) -> dict[tuple[str, str], float]:
    """Return the seconds from the first invocation of each branch to the end of its last, waits between included."""
    times: dict[tuple[tuple[str, str], int], list[float]] = defaultdict(list)
    for entry in invocations:
        times[entry.branch, entry.thread] += [entry.own_began, entry.own_ended]
    spans: dict[tuple[str, str], float] = defaultdict(float)
    for (branch, _), found in times.items():
        spans[branch] += max(found) - min(found)
    return spans


def exceeded(budget: Budget, ledger: Iterable[LedgerEntry]) -> Iterator[tuple[str, float]]:
    """Yield (run, seconds) of the runs that take longer than the state machine permits."""
    by_run: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in ledger:
        if entry.service == "lambda":
            by_run[entry.run_id].append(entry)
    for run_id, invocations in by_run.items():
        if (seconds := budget.taken(invocations)) > budget.seconds:
            yield run_id, seconds
