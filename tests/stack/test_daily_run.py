"""The measurement of the daily run plays a whole one."""

from __future__ import annotations

from stack.measure.daily_run.__main__ import measure
from stack.measure.daily_run.large_estate import Size


def test_a_measured_run_renews_what_is_due_or_covered() -> None:
    """A report that had failed early would take less than the shipped one."""
    steps = [*measure(Size(certificates=20, delegations=4, due=3, covered=5))]

    assert [step.function for step in steps] == ["check_expiry", "notify", "report"]
    assert steps[-1].renewed == 8
