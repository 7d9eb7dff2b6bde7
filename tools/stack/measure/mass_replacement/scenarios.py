"""The scenarios of docs/scale.md, and what each of them comes to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from types import MappingProxyType

from certmandate.replacement_planning.capacity import Demand, PlanningLimits, bottleneck, hours_to_replace
from renewal.domain.limits import Limits
from renewal.domain.order import StoredCertificate
from renewal.domain.replacement_rule import MOST_ORDERS_PER_DELEGATION, MOST_ORDERS_PER_RUN, Caps, ReplacementRule
from stack.measure.mass_replacement.conditions import Conditions, VirtualServices
from stack.measure.mass_replacement.run import Player, RunDone
from stack.measure.mass_replacement.virtual_estate import BEGIN, VirtualEstate

SEED = 2026
"""Of all chance, so that the figures are the same on every machine."""
HOURS = 48
"""For which a replacement is played."""
_SHIPPED = Caps(30, 500)
_RAISED = Caps(MOST_ORDERS_PER_DELEGATION, MOST_ORDERS_PER_RUN)
"""As many as a rule may have."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One mass replacement."""

    name: str
    delegations: int
    each: int
    """Certificates of a delegation."""
    caps: Caps = _RAISED
    conditions: Conditions = field(default_factory=Conditions)
    acm: bool = False
    approvals: float = 0.0
    """Share of the delegations whose orders an administrator approves."""
    is_drawn: bool = False

    @property
    def certificates(self) -> int:
        """How many there are."""
        return self.delegations * self.each

    @property
    def planning(self) -> PlanningLimits:
        """The limits as `certmandate replace` plans with them."""
        return replace(
            self.conditions.limits,
            orders_per_delegation=self.caps.orders_per_delegation,
            orders_per_run=self.caps.orders_per_run,
        )

    @property
    def demands(self) -> Mapping[str, Demand]:
        """What `certmandate replace` plans for."""
        imports = MappingProxyType({"region": self.each} if self.acm else {})
        return {
            f"d{number}": Demand(self.each, number < self.approvals * self.delegations, imports)
            for number in range(self.delegations)
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What a scenario comes to."""

    scenario: Scenario
    runs: tuple[RunDone, ...]
    stored: tuple[float, ...]
    """Hours after which each certificate was stored, ascending."""
    served: tuple[float, ...]
    """Hours after which a run has verified that each is served, ascending."""
    orders: int
    declined: int

    @property
    def double_orders(self) -> int:
        """Orders of certificates that had one already, which was not declined."""
        return max(self.orders - self.declined - self.scenario.certificates, 0)

    @property
    def over_the_caps(self) -> int:
        """Runs that began more orders, or worked on more at a time, than the rule permits."""
        caps, lanes = self.scenario.caps, self.scenario.conditions.limits.calls_per_account
        return sum(
            run.ordered > caps.orders_per_run
            or run.most_of_delegation > caps.orders_per_delegation
            or run.most_at_once > lanes
            for run in self.runs
        )

    def hours_until(self, share: float) -> float | None:
        """Return after how many hours *share* of all certificates is stored; None: not in the time that was played."""
        needed = math.ceil(share * self.scenario.certificates)
        return self.stored[needed - 1] if len(self.stored) >= needed else None

    def share_within(self, hours: float) -> float:
        """Return the share of all certificates that is served within *hours*."""
        return sum(each <= hours for each in self.served) / self.scenario.certificates

    @property
    def planned_hours(self) -> float:
        """What the plan promises."""
        return max(hours_to_replace(self.scenario.demands, self.scenario.planning).values())

    @property
    def bottleneck(self) -> str:
        """The limit that decides, as the plan names it."""
        return bottleneck(self.scenario.demands, self.scenario.planning)


def play(scenario: Scenario) -> Result:
    """Play hourly runs until everything is served, or HOURS are over."""
    estate = VirtualEstate.of(
        scenario.delegations, scenario.each, age_days=10, acm=scenario.acm, approvals=scenario.approvals
    )
    rule = ReplacementRule(
        BEGIN, "", "incident", deadline=BEGIN + timedelta(hours=24), caps=scenario.caps, asked_at=BEGIN
    )
    caps = Limits(_SHIPPED.orders_per_delegation, _SHIPPED.orders_per_run, 1.0)
    player = Player(estate, VirtualServices(scenario.conditions, Random(SEED)), caps, (rule,))  # noqa: S311 - no secret
    interval, now = scenario.conditions.limits.hours_between_runs * 3600, 0.0
    while now < HOURS * 3600 and not all(each.served_at for each in estate.certificates):
        ended = player.run(now).ended
        now = (math.floor(ended / interval) + 1) * interval
    return Result(
        scenario=scenario,
        runs=tuple(player.done),
        stored=tuple(sorted(each.stored_at / 3600 for each in estate.certificates if each.stored_at is not None)),
        served=tuple(sorted(each.served_at / 3600 for each in estate.certificates if each.served_at is not None)),
        orders=sum(each.orders for each in estate.certificates),
        declined=sum(each.declines for each in estate.certificates),
    )


def _with(**limits: float) -> Conditions:
    return Conditions(replace(PlanningLimits(), **limits))  # type: ignore[arg-type]


SCENARIOS = (
    Scenario("100 in 10 delegations", 10, 10),
    Scenario("1,000 in 100 delegations", 100, 10),
    Scenario("10,000 in 1,000 delegations, caps of the stack", 1000, 10, caps=_SHIPPED, is_drawn=True),
    Scenario("10,000 in 1,000 delegations", 1000, 10, is_drawn=True),
    Scenario("10,000 in 200 delegations", 200, 50),
    Scenario("10,000 in 200 delegations, issued at once", 200, 50, conditions=_with(issuance_minutes=0)),
    Scenario("10,000 in 200 delegations, all in ACM, one import a second", 200, 50, acm=True, is_drawn=True),
    Scenario(
        "10,000 in 200 delegations, a tenth approved after 6 hours",
        200,
        50,
        approvals=0.1,
        conditions=_with(approval_hours=6),
        is_drawn=True,
    ),
    Scenario(
        "10,000 in 200 delegations, 5 % of the requests answered with 429",
        200,
        50,
        conditions=Conditions(too_many_requests=0.05),
    ),
    Scenario("10,000 in 200 delegations, 1 % of the orders declined", 200, 50, conditions=Conditions(declined=0.01)),
    Scenario("10,000 in one delegation", 1, 10_000, is_drawn=True),
    Scenario(
        "10,000 in one delegation, a run every 5 minutes",
        1,
        10_000,
        conditions=_with(hours_between_runs=1 / 12),
        is_drawn=True,
    ),
)


@dataclass(frozen=True, slots=True)
class RenewalLoad:
    """Ordinary renewals of an estate, day after day."""

    certificates: int
    delegations: int
    days: int
    """Played, of which the first third is left out: the estate settles."""
    orders_a_day: float
    most_orders: int
    """On one day."""
    most_deferred: int
    longest_minutes: float
    """Of a daily run."""
    least_days_left: float
    """Before its expiry, of a certificate that was renewed."""


def load_of_2029(delegations: int = 1000, each: int = 10, days: int = 45, lifetime: int = 46) -> RenewalLoad:
    """Play daily and hourly runs over an estate of short-lived certificates (46 days, from 2029-03-15)."""
    estate = VirtualEstate.of(delegations, each, days=lifetime)
    limits = Limits(_SHIPPED.orders_per_delegation, _SHIPPED.orders_per_run, 1.0)
    player = Player(estate, VirtualServices(Conditions(), Random(SEED)), limits, is_hourly=False)  # noqa: S311 - no secret
    least, settled = timedelta(days=lifetime), days // 3
    for day in range(days):
        before = [each.record.stored for each in estate.certificates]
        for is_hourly in (False, True):
            player.is_hourly = is_hourly
            player.run(day * 86_400.0 + is_hourly * 3600)
        left = _left_at_renewal(before, estate)
        least = min((least, *left)) if day >= settled else least
    daily = player.done[2 * settled :: 2]
    return RenewalLoad(
        certificates=len(estate.certificates),
        delegations=delegations,
        days=days,
        orders_a_day=sum(run.ordered for run in daily) / len(daily),
        most_orders=max(run.ordered for run in daily),
        most_deferred=max(run.deferred for run in daily),
        longest_minutes=max(run.ended - run.began for run in daily) / 60,
        least_days_left=least / timedelta(days=1),
    )


def _left_at_renewal(before: Iterable[StoredCertificate | None], estate: VirtualEstate) -> list[timedelta]:
    """Return how long what was replaced since *before* would have been valid."""
    pairs = zip(before, (each.record.stored for each in estate.certificates), strict=True)
    return [old.not_after - new.stored_at for old, new in pairs if old and new and new is not old]
