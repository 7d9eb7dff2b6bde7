"""The plan of a mass replacement: what a rule covers, how long it takes, and what will not make the deadline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from certmandate.replacement_planning.capacity import Demand, PlanningLimits, bottleneck, hours_to_replace
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import MOST_ORDERS_PER_DELEGATION, MOST_ORDERS_PER_RUN, Caps, ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord

_MAP_DELEGATIONS = PlanningLimits().delegations_at_a_time
_UNITS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_EVERY_MINUTES = re.compile(r"cron\(\d+/(\d+) \* .*\)")


@dataclass(frozen=True, slots=True)
class Miss:
    """A certificate that will not be replaced by the deadline, as far as is known now."""

    path: str
    cause: str


@dataclass(frozen=True, slots=True)
class ReplacementPlan:
    """What a rule would do."""

    rule: ReplacementRule
    covered: tuple[ManagedCertificate, ...]
    """The certificates that it covers, by name."""
    approved_by_hand: frozenset[str]
    """The delegations whose orders wait for an administrator's approval in SCM."""
    limits: PlanningLimits
    hours: float
    """Until the last certificate that can be ordered is stored."""
    bottleneck: str
    misses: tuple[Miss, ...]
    sufficient: Caps | None = None
    """Lower caps than any others that were tried with which the deadline is met; None: it is met, or none does."""

    @property
    def ends_at(self) -> datetime:
        """When the last certificate that can be ordered is stored."""
        return self.rule.began_at + timedelta(hours=self.hours)

    @property
    def paths(self) -> tuple[str, ...]:
        """The certificates that it covers."""
        return tuple(each.spec.path for each in self.covered)

    @property
    def delegations(self) -> frozenset[str]:
        """The delegations of these certificates."""
        return frozenset(each.spec.delegation for each in self.covered)

    @property
    def not_stored(self) -> tuple[str, ...]:
        """The serials of the rule that no certificate in its scope has: of others, or of earlier certificates."""
        return tuple(sorted(self.rule.serials - {each.stored.serial for each in self.covered if each.stored}))

    @property
    def unverified(self) -> int:
        """How many of the certificates declare no endpoint, so that no run verifies that they are served."""
        return sum(not each.spec.served_at for each in self.covered)

    @property
    def awaiting_approval(self) -> int:
        """How many of the certificates wait for an administrator's approval in SCM."""
        return sum(each.spec.delegation in self.approved_by_hand for each in self.covered)


def limits_of(caps: Caps, facts: Mapping[str, str], assumed: PlanningLimits) -> PlanningLimits:
    """Return *assumed* with the *caps* of the stack, and what else its parameters set."""
    reserved = int(facts.get("ReservedConcurrency") or 0)
    return replace(
        assumed,
        orders_per_delegation=caps.orders_per_delegation,
        orders_per_run=caps.orders_per_run,
        delegations_at_a_time=min(_MAP_DELEGATIONS, max(reserved // 2, 1)) if reserved else _MAP_DELEGATIONS,
        hours_between_runs=_hours_between(facts.get("FollowUpExpression", "")),
    )


def _hours_between(expression: str) -> float:
    """Return the interval of a schedule; an hour where it is not a rate or a number of minutes."""
    if rate := _RATE.fullmatch(expression):
        return int(rate[1]) * _UNITS[rate[2]]
    every = _EVERY_MINUTES.fullmatch(expression)
    return int(every[1]) / 60 if every else 1.0


def with_caps(limits: PlanningLimits, caps: Caps | None) -> PlanningLimits:
    """Return *limits* with the raised *caps*, as a run has them for what the rule covers."""
    if caps is None:
        return limits
    return replace(
        limits,
        orders_per_delegation=max(limits.orders_per_delegation, caps.orders_per_delegation),
        orders_per_run=max(limits.orders_per_run, caps.orders_per_run),
    )


def plan_of(
    rule: ReplacementRule,
    records: Mapping[str, DelegationRecord],
    certificates: Iterable[ManagedCertificate],
    limits: PlanningLimits,
    times: ActingTimes,
) -> ReplacementPlan:
    """Plan *rule* from the time at which it was asked for; *limits*: of the stack, without the rule's raised caps."""
    covered = sorted(filter(rule.covers, certificates), key=attrgetter("spec.path"))
    judged = [
        judge(each, records.get(each.spec.delegation), rule.began_at, times, replacements=(rule,)) for each in covered
    ]
    stopped = _stopped(judged, rule)
    approved_by_hand = frozenset(name for name, record in records.items() if _needs_approval(record))
    paths = {miss.path for miss in stopped}
    orderable = [each for each in covered if each.spec.path not in paths]
    demands, raised = _demands(orderable, approved_by_hand), with_caps(limits, rule.caps)
    hours = hours_to_replace(demands, raised)
    last, limit = max(hours.values(), default=0.0), bottleneck(demands, raised)
    behind = {name for name, after in hours.items() if _is_late(after, rule)}
    late = [Miss(each.spec.path, limit) for each in orderable if each.spec.delegation in behind]
    return ReplacementPlan(
        rule=replace(rule, certificates=len(covered), planned_hours=round(last, 2)),
        covered=tuple(covered),
        approved_by_hand=approved_by_hand,
        limits=raised,
        hours=last,
        bottleneck=limit,
        misses=(*stopped, *late),
        sufficient=_sufficient(demands, rule, limits),
    )


def _stopped(judged: Iterable[Judgement], rule: ReplacementRule) -> list[Miss]:
    return [Miss(judgement.path, cause) for judgement in judged if (cause := _stopped_by(judgement, rule))]


def _stopped_by(judgement: Judgement, rule: ReplacementRule) -> str:
    """Return why no order would be made for it as things are; empty: none is known."""
    certificate, until = judgement.certificate, judgement.certificate.hold_until
    if judgement.mandate_ends:
        return f"MandateEnded: the last day of the mandate is {judgement.mandate_ends}"
    if certificate.order is not None and certificate.order.storing_error:
        return f"{certificate.order.storing_error}: the issued certificate was not stored"
    if judgement.obstacle:
        return f"{judgement.obstacle.code}: {judgement.obstacle.text}"
    if judgement.decision.is_held and until and until > (rule.deadline or rule.began_at):
        return f"{certificate.last_error}: held until {until:%Y-%m-%d %H:%M}Z after a failed order"
    return ""


def _needs_approval(record: DelegationRecord) -> bool:
    findings = record.inspection.findings if record.inspection else ()
    return any(finding.code == "ApprovalByHand" for finding in findings)


def _demands(certificates: Iterable[ManagedCertificate], approved_by_hand: Collection[str]) -> dict[str, Demand]:
    numbers: Counter[str] = Counter()
    imports: dict[str, Counter[str]] = {}
    for certificate in certificates:
        name = certificate.spec.delegation
        numbers[name] += 1
        imports.setdefault(name, Counter()).update(certificate.spec.acm_regions)
    return {name: Demand(number, name in approved_by_hand, imports[name]) for name, number in numbers.items()}


def _is_late(hours: float, rule: ReplacementRule) -> bool:
    return rule.deadline is not None and rule.began_at + timedelta(hours=hours) > rule.deadline


def _sufficient(demands: Mapping[str, Demand], rule: ReplacementRule, limits: PlanningLimits) -> Caps | None:
    """Return the first caps of `_raised` with which the deadline is met, where those of the rule do not."""
    for tried in (rule.caps, *_raised(limits)):
        hours = hours_to_replace(demands, with_caps(limits, tried))
        if not _is_late(max(hours.values(), default=0.0), rule):
            return None if tried == rule.caps else tried
    return None


def _raised(limits: PlanningLimits) -> Iterator[Caps]:
    """Yield caps that double from those of the stack to the highest that a rule may have."""
    caps = Caps(limits.orders_per_delegation, limits.orders_per_run)
    while caps != (most := Caps(MOST_ORDERS_PER_DELEGATION, MOST_ORDERS_PER_RUN)):
        caps = Caps(
            min(2 * caps.orders_per_delegation, most.orders_per_delegation),
            min(2 * caps.orders_per_run, most.orders_per_run),
        )
        yield caps
