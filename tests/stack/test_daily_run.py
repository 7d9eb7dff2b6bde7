"""The measurement of the daily run plays a whole one."""

from __future__ import annotations

from stack.measure.daily_run.__main__ import measure
from stack.measure.daily_run.large_estate import Size


def test_a_measured_run_renews_what_is_due_or_covered() -> None:
    """A report that had failed early would take less than the shipped one."""
    steps = [*measure(Size(certificates=20, delegations=4, due=3, covered=5))]

    assert [step.function for step in steps] == ["check_expiry", "notify", "report"]
    assert steps[-1].renewed == 8


def test_a_run_with_nothing_due_reads_nothing_of_a_larger_estate() -> None:
    """No total of the estate is kept, because no step counts: a page of the index has the names of 6,990 delegations.

    What is read for each certificate or delegation would be a hundred calls at least.
    """
    small, large = (
        {step.function: step.calls for step in measure(Size(certificates, certificates // 10, due=0))}
        for certificates in (1_000, 10_000)
    )

    assert large == small
