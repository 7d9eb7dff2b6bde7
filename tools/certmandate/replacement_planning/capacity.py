"""How long it takes to replace certificates: run after run, within the limits that decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

INSPECTION_CALLS = 11
"""Requests to SCM of one inspection of a delegation with one domain, one more for each other domain."""
ORDER_CALLS = 1
CONTROL_CALLS = 1
"""With the first poll of an order: the search that proves that a lost order would be found."""
POLL_CALLS = 2
"""To collect, and to read what a pending order waits for."""
COLLECT_CALLS = 2
"""To collect what was issued, and to mark the previous one as renewed."""
_MOST_PASSES = 10_000
_NO_LIMIT = 10**9


@dataclass(frozen=True, slots=True)
class PlanningLimits:
    """What bounds a mass replacement. The defaults without a source are of the template and the state machine."""

    orders_per_delegation: int = 30
    orders_per_run: int = 500
    calls_per_account: int = 2
    """At a time (EnrollEach and CollectEach, MaxConcurrency)."""
    delegations_at_a_time: int = 20
    """OrderCertificates and CollectCertificates, MaxConcurrency."""
    scm_seconds: float = 2.0
    """An assumption: of one request to SCM."""
    imports_a_second: float = 1.0
    """An assumption: into ACM, for each region. AWS publishes no lower rate for new imports than this."""
    hours_between_runs: float = 1.0
    """FollowUpExpression."""
    issuance_minutes: float = 10.0
    """An assumption: from the order to the certificate."""
    approval_hours: float = 0.0
    """An assumption: until an administrator has approved the orders of a delegation that needs it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be replaced in one delegation."""

    certificates: int
    needs_approval: bool = False
    imports: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """How many of the certificates ACM gets, by region."""


@dataclass(slots=True)
class _Work:
    """One delegation while it is worked on."""

    demand: Demand
    left: int
    ordered: list[tuple[float, int]] = field(default_factory=list)
    """When they will be issued, and how many."""

    def open_orders(self) -> int:
        return sum(number for _, number in self.ordered)

    def collect(self, now: float, most: int) -> tuple[int, int]:
        """Work on at most *most* open orders, the oldest first; return how many were issued and how many were not."""
        issued = pending = 0
        kept = []
        for ready, number in self.ordered:
            taken = min(number, most - issued - pending)
            is_issued = ready <= now
            issued, pending = issued + taken * is_issued, pending + taken * (not is_issued)
            kept.append((ready, number - taken * is_issued))
        self.ordered = [(ready, number) for ready, number in kept if number]
        return issued, pending


def hours_to_replace(demands: Mapping[str, Demand], limits: PlanningLimits) -> dict[str, float]:
    """Return after how many hours the last certificate of each delegation is stored; *demands*: by delegation.

    The first run begins now, the next ones with the next full interval after the previous run has ended. A run orders
    first; what the CA has issued by the next run is collected then. Failures and retries are not counted.
    """
    work = {name: _Work(demand, demand.certificates) for name, demand in demands.items()}
    done: dict[str, float] = {name: 0.0 for name, each in work.items() if not each.left}
    now = 0.0
    for _ in range(_MOST_PASSES):
        if len(done) == len(work):
            break
        ended = now + _pass(work, limits, now)
        done |= {name: ended for name, each in work.items() if name not in done and not each.left and not each.ordered}
        now = (math.floor(ended / limits.hours_between_runs) + 1) * limits.hours_between_runs
    return done


def _pass(work: Mapping[str, _Work], limits: PlanningLimits, now: float) -> float:
    """Do what one run does; return how many hours it takes."""
    capacity, seconds, imports = limits.orders_per_run, [], dict[str, float]()
    for each in work.values():
        if not each.left and not each.ordered:
            continue
        room = min(capacity, limits.orders_per_delegation)
        resumed = min(each.open_orders(), max(room - each.left, (room + 1) // 2))
        new = min(each.left, room - resumed)
        capacity -= resumed + new
        issued, pending = each.collect(now, resumed)
        approval = limits.approval_hours if each.demand.needs_approval else 0.0
        if new:
            each.ordered.append((now + limits.issuance_minutes / 60 + approval, new))
            each.left -= new
        calls = new * (ORDER_CALLS + CONTROL_CALLS + POLL_CALLS) + issued * COLLECT_CALLS + pending * POLL_CALLS
        seconds.append((INSPECTION_CALLS + calls / limits.calls_per_account) * limits.scm_seconds)
        for region, number in each.demand.imports.items():
            share = number / max(each.demand.certificates, 1)
            imports[region] = imports.get(region, 0.0) + issued * share / limits.imports_a_second
    one_after_another = sum(seconds) / limits.delegations_at_a_time
    return max(one_after_another, max(seconds, default=0.0), max(imports.values(), default=0.0)) / 3600


BOTTLENECKS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "the cap of orders for a delegation (OrdersPerDelegation)": {"orders_per_delegation": _NO_LIMIT},
        "the cap of orders for a run (OrdersPerRun)": {"orders_per_run": _NO_LIMIT},
        "two requests at a time for one SCM account": {"calls_per_account": _NO_LIMIT},
        "20 delegations at a time (Map concurrency)": {"delegations_at_a_time": _NO_LIMIT},
        "imports into ACM, one a second and region": {"imports_a_second": _NO_LIMIT},
        "approvals in SCM": {"approval_hours": 0.0},
        "the time that the CA takes to issue": {"issuance_minutes": 0.0},
    }
)
"""Each limit by name, with what takes it away."""
RUNS = "the time between two runs (FollowUpExpression)"
_GAIN = 0.95
"""A limit without which at least this share of the time remains is not the one that decides."""


def bottleneck(demands: Mapping[str, Demand], limits: PlanningLimits) -> str:
    """Return the limit without which the replacement would end earliest; RUNS when none of the others decides."""

    def hours(**without: float) -> float:
        without_it = hours_to_replace(demands, replace(limits, **without))  # type: ignore[arg-type]
        return max(without_it.values(), default=0.0)

    ends = {name: hours(**without) for name, without in BOTTLENECKS.items()}
    first = min(ends, key=lambda name: ends[name])
    return first if ends[first] < hours() * _GAIN else RUNS
