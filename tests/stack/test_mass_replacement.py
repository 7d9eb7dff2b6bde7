"""The figures of docs/scale.md follow from the model, and the model keeps what the product promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certmandate.replacement_planning.capacity import PlanningLimits
from renewal.domain.replacement_rule import Caps
from stack.measure.mass_replacement.__main__ import DOCUMENT, PICTURE, table
from stack.measure.mass_replacement.conditions import Conditions
from stack.measure.mass_replacement.curve import drawn
from stack.measure.mass_replacement.scenarios import SCENARIOS, Scenario, load_of_2029, play

FAST = Conditions(PlanningLimits())


def test_the_document_has_the_figures_of_its_command() -> None:
    """A figure that its command does not print is an opinion; the two quickest scenarios stand for all."""
    rows = table(map(play, SCENARIOS[:2])).splitlines()

    assert set(rows) <= set(DOCUMENT.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("many delegations", 60, 3),
        Scenario("one delegation", 1, 200, caps=Caps(40, 500)),
        Scenario("caps of the stack", 20, 60, caps=Caps(30, 500)),
        Scenario("ACM", 10, 10, acm=True, conditions=replace(FAST, limits=PlanningLimits(imports_a_second=0.1))),
        Scenario("approvals", 10, 5, approvals=0.5, conditions=replace(FAST, limits=PlanningLimits(approval_hours=3))),
    ],
    ids=lambda scenario: scenario.name,
)
def test_a_plan_promises_no_less_time_than_its_runs_take(scenario: Scenario) -> None:
    """An operator who trusts the plan must not miss the deadline; nothing is ordered twice or over the caps."""
    result = play(scenario)

    stored = result.hours_until(1.0)
    assert stored is not None
    assert stored <= result.planned_hours * 1.1
    assert (result.double_orders, result.over_the_caps) == (0, 0)
    assert len(result.served) == scenario.certificates


def test_an_order_that_is_declined_is_not_ordered_again_within_its_hold() -> None:
    """The model holds it as collect does."""
    result = play(Scenario("declined", 20, 10, conditions=Conditions(declined=0.2)))

    assert result.declined > 0
    assert 0.6 < result.share_within(24) < 1
    assert result.double_orders == 0


def test_the_load_of_short_lifetimes_stays_within_the_caps() -> None:
    """46 days are played over until the estate is in balance."""
    load = load_of_2029(delegations=20, each=10)

    assert load.most_deferred == 0
    assert 10 < load.orders_a_day * 365 / load.certificates < 13
    assert load.least_days_left > 5


def test_the_picture_has_a_curve_for_each_drawn_scenario() -> None:
    """It is written by the same command as the table."""
    shown = [scenario.name for scenario in SCENARIOS if scenario.is_drawn]
    picture = PICTURE.read_text(encoding="utf-8")

    assert [name for name in shown if name not in picture] == []
    assert drawn([play(SCENARIOS[0])], 24).count("<path") == 5 + 2
