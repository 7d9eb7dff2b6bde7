"""The model of docs/scale.md against the shipped state machine and functions: run by run, on small numbers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from certmandate.order_book_editor import OrderBookEditor
from certmandate.replacement_planning.capacity import PlanningLimits
from renewal.domain.limits import Limits
from renewal.domain.replacement_rule import Caps, ReplacementRule
from stack.measure.mass_replacement.conditions import Conditions, VirtualServices
from stack.measure.mass_replacement.run import Player
from stack.measure.mass_replacement.virtual_estate import BEGIN, VirtualEstate
from tests.certmandate.desk import Desk, seated

ESTATE = ("a:20", "b:20", "c:20", "d:20", "e:20")
CAPS = Caps(2, 3)
FOLLOW_UP = {"open_orders_only": True, "scheduled_at": "2026-11-30T09:00:00Z"}
RUNS = 6


def shipped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[int, int]], list[int]]:
    """Play hourly runs for a rule; return orders and stored certificates of each, and its requests to SCM."""
    monkeypatch.setenv("ORDERS_PER_DELEGATION", "1")
    monkeypatch.setenv("ORDERS_PER_RUN", "1")
    now = datetime.now(UTC)
    rule = ReplacementRule(now, "", "incident", deadline=now + timedelta(days=1), caps=CAPS, asked_at=now)
    OrderBookEditor(desk.system.aws.tables).add_replacement(rule)
    runs, requests = [], []
    for _ in range(RUNS):
        before, calls = desk.system.orders_posted(), len(desk.system.simulator.calls)
        outcomes = Counter(desk.system.run(FOLLOW_UP).outcomes.values())
        runs.append((desk.system.orders_posted() - before, outcomes["renewed"]))
        requests.append(len(desk.system.simulator.calls) - calls)
    return runs, requests


def modelled(minutes: float) -> tuple[list[tuple[int, int]], list[int]]:
    """The same, by the model."""
    estate = VirtualEstate.of(1, len(ESTATE), age_days=20, days=199)
    rule = ReplacementRule(BEGIN, "", "incident", deadline=BEGIN + timedelta(days=1), caps=CAPS, asked_at=BEGIN)
    services = VirtualServices(Conditions(PlanningLimits(issuance_minutes=minutes)), Random(1))  # noqa: S311 - no secret
    player = Player(estate, services, Limits(1, 1, 1.0), (rule,))
    requests = []
    for hour in range(RUNS):
        before = services.requests
        player.run(hour * 3600.0)
        requests.append(services.requests - before)
    return [(run.ordered, run.stored) for run in player.done], requests


@pytest.mark.parametrize(("polls", "minutes"), [(0, 0), (1, 10)], ids=["issued at once", "by the next run"])
def test_the_model_orders_stores_and_asks_as_the_shipped_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, polls: int, minutes: float
) -> None:
    """The figures are about the product, not about a model of it."""
    with seated(tmp_path, *ESTATE, scm=f"dials: {{issuance_polls: {polls}}}\n") as desk:
        orders, requests = shipped(desk, monkeypatch)

    assert (orders, requests) == modelled(minutes)
    assert sum(stored for _, stored in orders) == len(ESTATE)
