"""What is played in a variant of SCM: a run without a fault, and runs with one, until the estate is at rest.

While SCM differs, an estate need not come to rest: but no second order is placed, what does not go on by itself is a
failed run, and a run without a fault fails only as the variant explains. When SCM is the usual one again and the
operator has followed the runbook, the estate is at rest, with the orders that it needs and no others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from campaign.cases import CANONICAL, NO_FAULT, CaseOutcome, NamedCase, run_with_fault
from campaign.evidence import gather
from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.interception.calls import Boundary
from campaign.order_book_invariants import ALWAYS, AT_REST, violations
from campaign.run import Run
from campaign.scenarios import DELEGATION, ENROLL, NAME
from campaign.worlds.variants import ScmVariant
from renewal.domain.errors import OrderUndecided, OrderUnknown
from renewal.domain.judgement.problem import OUTAGES

DAYS_OF_VARIANT = 2
"""Daily runs while SCM still differs."""
DAYS_TO_REST = 12
"""The longest hold after refused orders is eight days."""
LOST_ORDERS = (Mode.ANSWERS_LOST, Mode.KILLED_AFTER, Mode.RUN_KILLED_AFTER)
"""Faults of the POST of an order after which only a search can find it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A variant of SCM in which a first order, or a renewal, is due."""

    variant: ScmVariant
    is_renewal: bool

    def __str__(self) -> str:
        return f"{self.variant.name}, {'renewal' if self.is_renewal else 'first'}"

    def prepare(self, harness: Harness) -> None:
        """Prepare the harness for the run."""
        self.variant.prepare(harness, is_renewal=self.is_renewal)

    def cases(self, harness: Harness, most: int, seed: int) -> list[VariantCase]:
        """Return the run without a fault, those whose order's answer is lost, and *most* others, chosen by *seed*."""
        self.prepare(harness)
        boundaries = harness.interception.boundaries[harness.run().run_id]
        orders = [found for found in boundaries if found.operation == ENROLL]
        others = [(found, mode) for found in boundaries if found not in orders for mode in CANONICAL]
        sampled = random.Random(f"{seed} {self}").sample(others, min(most, len(others)))  # noqa: S311
        affected = [*((order, mode) for order in orders for mode in LOST_ORDERS), *sampled]
        return [VariantCase(self, None, None), *(VariantCase(self, boundary, mode) for boundary, mode in affected)]


@dataclass(frozen=True, slots=True)
class VariantCase(NamedCase):
    """One run in a variant, with a fault or without."""

    surroundings: Surroundings
    boundary: Boundary | None
    mode: Mode | None

    def play(self, harness: Harness) -> CaseOutcome:
        """Play the run, daily runs, and what follows when SCM is the usual one again."""
        variant, before = self.surroundings.variant, live_orders(harness)
        violated: list[str] = []
        run, was_reached = run_with_fault(harness, self.boundary, self.mode)
        due = variant.due if harness.reader.certificate(DELEGATION, NAME).order is None else 1
        variant.portal(harness)
        violated += violations(gather(harness), ALWAYS)
        days = _days_until_rest(harness, DAYS_OF_VARIANT, violated)
        violated += self._unexplained(harness)
        if not _is_at_rest(harness):
            variant.end(harness)
            days += _days_until_rest(harness, DAYS_TO_REST, violated, acts=True)
            violated += violations(gather(harness), AT_REST)
        if (made := live_orders(harness) - before) != due:
            violated.append(f"exactly_one_order: {made} orders are open or issued, {due} are needed")
        return self.outcome(run, violated, days=days, was_reached=was_reached)

    def _unexplained(self, harness: Harness) -> Iterator[str]:
        """Yield a wait that no one is notified of, and failures without a fault that the variant does not explain."""
        last, order = harness.played.runs[-1], harness.reader.certificate(DELEGATION, NAME).order
        is_lost = order is not None and order.ssl_id is None
        may_wait = OUTAGES & _errors(last) and not is_lost  # an alert has named it, and the day by which it is urgent
        if last.status == "SUCCEEDED" and not _is_at_rest(harness) and not may_wait:
            yield f"what_needs_attention_is_reported: {last.run_id} succeeded, and the estate is not at rest"
        for run in harness.played.runs if self.mode is None else ():
            for error in _errors(run) - self.surroundings.variant.explains:
                yield f"no_false_failure: {run.run_id} reports {error}"

    @property
    def names(self) -> tuple[str, Boundary | None, str]:
        """With the variant in place of the scenario."""
        return str(self.surroundings), self.boundary, self.mode.value if self.mode else NO_FAULT


def live_orders(harness: Harness) -> int:
    """Count the orders at SCM that are open or issued."""
    return sum(
        order.status in {"Requested", "Approved", "Applied", "Issued"} for order in harness.played.simulator.orders
    )


def _days_until_rest(harness: Harness, most: int, violated: list[str], *, acts: bool = False) -> int:
    """Run daily until the estate is at rest; return the days. *acts*: the operator follows the runbook after each."""
    for day in range(most):
        run = harness.daily_run()
        violated += violations(gather(harness), ALWAYS)
        if _is_at_rest(harness):
            return day + 1
        if acts:
            _act_as_operator(harness, run)
    return most


def _is_at_rest(harness: Harness) -> bool:
    return harness.played.runs[-1].status == "SUCCEEDED" and not violations(gather(harness), AT_REST)


def _act_as_operator(harness: Harness, run: Run) -> None:
    """Order again what SCM does not have, and close the order that was deleted there."""
    errors = set(run.certificate_errors)
    if OrderUndecided.__name__ in errors:
        harness.order_again(DELEGATION, NAME)
    if OrderUnknown.__name__ in errors:
        harness.close_order(DELEGATION, NAME)


def _errors(run: Run) -> set[str]:
    rows = run.report.delegations if run.report else ()
    return {error for error in (*run.certificate_errors, *(row.error for row in rows)) if error}
