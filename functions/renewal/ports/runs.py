"""The runs: which are in progress, their objects, and the alert at their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from renewal.domain.alerts.alert import Alert
    from renewal.domain.alerts.memory import NotifiedProblems
    from renewal.domain.errors import PlanUnreadable
    from renewal.domain.run.plan import PlanFacts
    from renewal.domain.run.report import RunReport


class RunsInProgress(Protocol):
    """The executions of the state machine."""

    def older(self, state_machine: str, run_id: str) -> tuple[str, ...]:
        """Return the run ids of the executions of *state_machine* (an ARN) that began before *run_id* and still run."""


class RunArchive(Protocol):
    """The objects of a run: `runs/<run id>/…`."""

    def write_plan(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        """Write the plan; return (bucket, key) for the state machine's ItemReader."""

    def write_collection(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        """Write which orders are polled next; return (bucket, key) for the state machine's ItemReader."""

    def write_verification(self, run_id: str, items: list[Mapping[str, Any]]) -> tuple[str, str]:
        """Write whose endpoints are verified; return (bucket, key) for the state machine's ItemReader."""

    def write_facts(self, run_id: str, facts: PlanFacts) -> None:
        """Write what the report needs of the plan."""

    def read_facts(self, run_id: str) -> PlanFacts:
        """Raises PlanUnreadable."""

    def read_results(self, run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        """What ResultWriter wrote: one description per child execution; and why others cannot be read."""

    def read_verification(self, run_id: str) -> tuple[list[Mapping[str, Any]], list[PlanUnreadable]]:
        """As `read_results`, of the Map that verifies endpoints."""

    def write_report(self, run_id: str, report: RunReport) -> str:
        """Write the report; return its key."""

    def read_notified(self) -> object:
        """Return what `write_notified` wrote last, as JSON; None when it is missing or no JSON."""

    def write_notified(self, notified: NotifiedProblems) -> None:
        """Replace what the operator has been notified of."""


class Alerts(Protocol):
    """The operator, by all subscriptions of the stack's topic."""

    def publish(self, alert: Alert) -> None:
        """Send *alert*. Raises StoreUnavailable and StoreRefused: then the operator has not been notified."""
