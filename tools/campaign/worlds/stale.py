"""A late AWS: after a write, the next reads of that service are answered as if it had not happened yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from campaign.cases import CaseOutcome, NamedCase, is_write, record, settled
from campaign.fault_injection import FaultInjection, Mode
from campaign.harness import Harness
from campaign.interception.calls import Boundary, Call
from campaign.interception.staleness import EVENTUAL, is_eventual, snapshot
from campaign.scenarios import DELEGATION, LOGIN, Scenario, credential

STALE_CALLS = (1, 2, 5)
STALE_SECONDS = 290.0
"""Within the time in which an import is listed and a write is in the index, as docs/reliability.md assumes."""
IMPORT = "ImportCertificate"
NEW_PASSWORD = "Harness-password-2"  # noqa: S105 - of a simulator


@dataclass(slots=True)
class StaleReads:
    """After one write of a run, or of the operator before it, the next *left* reads are stale."""

    harness: Harness
    write: Boundary | None
    left: int
    fault: FaultInjection | None = None
    """A fault injected into the write."""
    run_id: str = ""
    was_reached: bool = False
    _service: str = ""
    _ends_at: float = 0.0
    _as_it_was: Callable[[], Any] | None = None

    def keep(self, service: str) -> None:
        """Answer reads of *service* from now on as it is now."""
        self.was_reached, self._service, self._as_it_was = True, service, snapshot(service)
        self._ends_at = self.harness.time.seconds() + STALE_SECONDS

    def is_due(self, call: Call) -> bool:
        """Return whether the call is the write, or one of the next reads."""
        if not self.was_reached:
            return call.boundary == self.write and call.invocation.run_id == self.run_id
        is_late = self.left > 0 and self.harness.time.seconds() < self._ends_at
        return is_late and call.boundary.service == self._service and is_eventual(call.boundary)

    def apply(self, call: Call) -> Any:
        """Make the write, or a stale read."""
        if self._as_it_was is None:
            self.keep(call.boundary.service)
            return self.fault.apply(call) if self.fault else call.answers.effect()
        self.left -= 1
        with self._as_it_was():
            return call.answers.effect()


@dataclass(frozen=True, slots=True)
class StaleCase(NamedCase):
    """One write of a run, and how many reads are stale after it; no other fault, unless the write is killed."""

    scenario: Scenario
    write: Boundary
    calls: int
    mode: Mode | None = None

    def play(self, harness: Harness) -> CaseOutcome:
        """Play the run, another one at once, and daily runs until the estate is at rest."""
        before, run_id = len(harness.played.simulator.orders), harness.next_run_id()
        stale = StaleReads(harness, self.write, self.calls, run_id=run_id)
        if self.mode is not None:
            stale.fault = FaultInjection(harness, self.mode, self.write, run_id=run_id)
            harness.played.disturbed.add(run_id)
        harness.interception.injection = stale
        run = harness.run(run_id)
        harness.run()
        days, found = settled(harness, before, self.scenario.due)
        return self.outcome(run, found, days=days, was_reached=stale.was_reached)

    @property
    def names(self) -> tuple[str, Boundary, str]:
        """With the number of stale reads in the mode."""
        mode = f"{self.calls} stale reads" + (f", {self.mode.value}" if self.mode else "")
        return self.scenario.name, self.write, mode


@dataclass(frozen=True, slots=True)
class StaleSecretCase(NamedCase):
    """The operator has stored a new password, and the run reads the old one."""

    scenario: Scenario
    calls: int

    def play(self, harness: Harness) -> CaseOutcome:
        """Change the password in SCM and in the secret; then as for a write of a run."""
        before, stale = len(harness.played.simulator.orders), StaleReads(harness, None, self.calls)
        stale.keep("secretsmanager")
        harness.played.simulator.set_password(LOGIN, NEW_PASSWORD)
        harness.store_credential(DELEGATION, credential(NEW_PASSWORD))
        harness.interception.injection = stale
        run = harness.run()
        days, found = settled(harness, before, self.scenario.due)
        return self.outcome(run, found, days=days)

    @property
    def names(self) -> tuple[str, None, str]:
        """Without a boundary: the operator made the write."""
        return self.scenario.name, None, f"{self.calls} stale reads of a new secret"


def stale_cases(scenario: Scenario, harness: Harness) -> Iterator[StaleCase | StaleSecretCase]:
    """Yield each write with each number of stale reads; an import also when its function is killed after it."""
    for boundary in record(harness, scenario):
        for calls in STALE_CALLS if boundary.service in EVENTUAL and is_write(boundary) else ():
            yield StaleCase(scenario, boundary, calls)
            if boundary.operation == IMPORT:
                yield StaleCase(scenario, boundary, calls, Mode.KILLED_AFTER)
    yield from (StaleSecretCase(scenario, calls) for calls in STALE_CALLS)
