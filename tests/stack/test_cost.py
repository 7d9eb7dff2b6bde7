"""The page about cost says what the program computes."""

from __future__ import annotations

import pytest

from stack.cost import DOCUMENT, ROOT, Load, fixed, prices, used, written
from stack.resolved import IN_A_VPC, Stack


def test_the_page_holds_the_computed_tables() -> None:
    """A price or a resource that changes must change the page (`python -m stack.cost --write`)."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert written(text) == text


def test_twice_the_estate_costs_twice_the_work_and_no_second_gateway() -> None:
    """What grows with the estate is told apart from what does not."""
    stack, table = Stack(ROOT / "template.yaml", IN_A_VPC), prices()
    one, two = Load(100, 199), Load(200, 199)
    assert two.renewals == 2 * one.renewals
    assert fixed(stack, one, table)["NAT gateway"] == fixed(stack, two, table)["NAT gateway"]
    grows = fixed(stack, two, table)["credentials"] - fixed(stack, one, table)["credentials"]
    assert grows == pytest.approx(100 * table["fixed"]["secret_month"])


def test_a_shorter_life_is_paid_in_work_only() -> None:
    """The calendar until 2029 multiplies renewals, not the bill."""
    table = prices()
    today, in_2029 = Load(100, 199), Load(100, 46)
    assert in_2029.renewals / today.renewals == pytest.approx(199 / 46)
    assert sum(used(in_2029, table).values()) < 5 * sum(used(today, table).values())
