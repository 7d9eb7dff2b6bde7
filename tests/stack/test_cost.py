"""docs/cost.md has the figures that the program computes."""

from __future__ import annotations

import re

import pytest

from gate.computed import with_parts
from stack.cost import BY_INTERFACE, DOCUMENT, ROOT, Load, choices, fixed, parts, prices, used
from stack.resolved import IN_A_VPC, Stack


def test_the_page_has_the_computed_tables() -> None:
    """A changed price or resource must change the page (`python -m stack.cost --write`)."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_parts(text, parts()) == text


def test_the_readme_has_the_totals_of_the_page() -> None:
    """A reader decides by the figures of the README."""
    (totals,) = re.findall(
        r"^\| \*\*together\*\* \| (.*) \|$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert f"| dollars a month | {totals.replace('*', '')} |" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_twice_the_estate_costs_twice_the_work_and_no_second_gateway() -> None:
    """Costs that grow with the estate are separate from fixed costs."""
    stack, table = Stack(ROOT / "template.yaml", IN_A_VPC), prices()
    hundred, double = Load(100, 199), Load(200, 199)
    assert double.renewals == 2 * hundred.renewals
    assert fixed(stack, hundred, table)["NAT gateway"] == fixed(stack, double, table)["NAT gateway"]
    grows = fixed(stack, double, table)["credentials"] - fixed(stack, hundred, table)["credentials"]
    assert grows == pytest.approx(100 * table["fixed"]["secret_month"])


def test_a_shorter_lifetime_costs_renewals_only() -> None:
    """Until 2029 the renewals multiply, not the bill."""
    table = prices()
    today, in_2029 = Load(100, 199), Load(100, 46)
    assert in_2029.renewals / today.renewals == pytest.approx(199 / 46)
    assert sum(used(in_2029, table).values()) < 5 * sum(used(today, table).values())


def test_storage_is_counted_and_grows_with_the_renewals() -> None:
    """Finished orders are kept permanently, with point-in-time recovery: after years they are most of the storage."""
    table = prices()
    today, in_2029 = Load(1_000, 199), Load(1_000, 46)
    assert used(in_2029, table)["storage and backup"] > 2 * used(today, table)["storage and backup"]
    free = {**table, "kept": dict.fromkeys(table["kept"], 0.0)}
    assert used(today, free)["storage and backup"] == 0


def test_the_choices_follow_the_price_table() -> None:
    """A manual list counted an endpoint that nothing in the VPC uses."""
    (row,) = [line for line in choices().splitlines() if line.startswith("| interface endpoints")]
    table, recipe = prices(), (ROOT / "infra" / "dependencies" / "Makefile").read_text(encoding="utf-8")
    (services,) = re.findall(r"^SERVICES :?= (.*)$", recipe, flags=re.MULTILINE)
    outside = {"sesv2", "sns", "stepfunctions"}  # notify, report and check_expiry, which are not in the VPC, call them
    assert set(BY_INTERFACE) == set(services.split()) - {"s3", "dynamodb"} - outside
    assert f"+{len(BY_INTERFACE) * table['fixed']['endpoint_hour'] * table['hours_a_month']:.2f} |" in row
