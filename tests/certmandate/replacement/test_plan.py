"""The plan of a mass replacement: arithmetic over the limits, and what stops a certificate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

import pytest
from rich.console import Console

from certmandate.replacement_planning.capacity import RUNS, Demand, PlanningLimits, bottleneck, hours_to_replace
from certmandate.replacement_planning.plan import ReplacementPlan, limits_of, plan_of
from certmandate.views.printing import show
from certmandate.views.replacement.plan import page
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import Caps, ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord
from tests.unit.system import DELEGATION, IDP, NOW, stored_by

RULE = ReplacementRule(NOW, "", "incident", deadline=NOW + timedelta(hours=24), asked_at=NOW)
LARGE = {f"d{number}": Demand(50) for number in range(200)}
RAISED = PlanningLimits(orders_per_delegation=500, orders_per_run=10_000)


def serving(count: int) -> list[ManagedCertificate]:
    """Certificates of one delegation, all served."""
    specs = [replace(IDP, name=f"c{number}") for number in range(count)]
    return [ManagedCertificate(spec, stored_by(spec, age=20)) for spec in specs]


def printed(plan: ReplacementPlan) -> str:
    """What the operator reads."""
    stream = StringIO()
    show(Console(file=stream, width=200, highlight=False), *page(plan))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (PlanningLimits(), "OrdersPerRun"),
        (replace(RAISED, orders_per_delegation=10), "OrdersPerDelegation"),
        (replace(RAISED, delegations_at_a_time=2), "Map concurrency"),
        (replace(RAISED, delegations_at_a_time=1000, scm_seconds=40), "SCM account"),
        (replace(RAISED, issuance_minutes=600), "CA takes"),
        (replace(RAISED, hours_between_runs=20), RUNS),
    ],
)
def test_the_bottleneck_is_named(limits: PlanningLimits, name: str) -> None:
    """The operator raises the limit that decides, and no other."""
    assert name in bottleneck(LARGE, limits)


def test_imports_and_approvals_can_be_the_bottleneck() -> None:
    """ACM takes a certificate a second; an administrator approves after hours."""
    imported = {"d": Demand(400, imports={"eu-west-3": 400})}
    approved = {"d": Demand(5, needs_approval=True)}

    assert "ACM" in bottleneck(imported, replace(RAISED, imports_a_second=0.01))
    assert "approvals" in bottleneck(approved, replace(RAISED, approval_hours=9))


def test_a_plan_of_what_cannot_be_ordered_has_no_duration() -> None:
    """It printed 0.0 hours, as if everything were replaced now."""
    closed = DelegationRecord(replace(DELEGATION, mandate_ends=NOW.date() - timedelta(days=1)))
    plans = [
        plan_of(RULE, {"univ": record}, serving(2), PlanningLimits(), ActingTimes())
        for record in (closed, DelegationRecord(DELEGATION))
    ]
    stopped, ordered = map(printed, plans)

    assert "none of 2 certificates can be ordered" in stopped
    assert "finished in" in ordered


def test_more_of_any_limit_never_takes_longer() -> None:
    """Otherwise raising a cap in an incident could be a mistake."""
    hours = max(hours_to_replace(LARGE, PlanningLimits()).values())

    for larger in (replace(PlanningLimits(), orders_per_run=1000), RAISED, replace(RAISED, scm_seconds=1)):
        assert max(hours_to_replace(LARGE, larger).values()) <= hours


def test_what_stops_an_order_is_listed_with_its_cause() -> None:
    """The operator calls the organisations concerned while the others are replaced."""
    ended = replace(DELEGATION, mandate_ends=date(2020, 1, 1))

    plan = plan_of(RULE, {"univ": DelegationRecord(ended)}, serving(3), PlanningLimits(), ActingTimes())

    assert [miss.path for miss in plan.misses] == ["univ/c0", "univ/c1", "univ/c2"]
    assert all(miss.cause.startswith("MandateEnded") for miss in plan.misses)
    assert plan.hours == 0


def test_a_plan_names_the_caps_that_make_the_deadline() -> None:
    """Nobody computes caps at night; the plan has them ready to be copied."""
    records = {"univ": DelegationRecord(DELEGATION)}

    late = plan_of(RULE, records, serving(1000), PlanningLimits(), ActingTimes())
    assert late.sufficient is not None
    in_time = plan_of(replace(RULE, caps=late.sufficient), records, serving(1000), PlanningLimits(), ActingTimes())

    assert (len(late.misses), in_time.misses, in_time.sufficient) == (1000, (), None)
    assert in_time.rule.planned_hours == round(in_time.hours, 2)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [("cron(0 * * * ? *)", 1.0), ("rate(15 minutes)", 0.25), ("rate(2 hours)", 2.0), ("cron(0/30 * * * ? *)", 0.5)],
)
def test_the_stacks_own_limits_are_planned_with(expression: str, hours: float) -> None:
    """A plan with other numbers than the stack's would promise too much."""
    facts = {"ReservedConcurrency": "6", "FollowUpExpression": expression}

    limits = limits_of(Caps(10, 70), facts, PlanningLimits())

    assert (limits.orders_per_delegation, limits.orders_per_run, limits.delegations_at_a_time) == (10, 70, 3)
    assert limits.hours_between_runs == hours


def test_raised_caps_of_the_rule_are_planned_with() -> None:
    """They are what the run will have."""
    plan = plan_of(
        replace(RULE, caps=Caps(100, 600)),
        {"univ": DelegationRecord(DELEGATION)},
        serving(90),
        PlanningLimits(),
        ActingTimes(),
    )

    assert (plan.limits.orders_per_delegation, plan.limits.orders_per_run, plan.unverified) == (100, 600, 90)
