"""Random histories (hypothesis): steps in any order, invariants after each, all invariants at the end."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from campaign.fault_injection import Mode
from campaign.harness import Harness, freeze_garbage_collector
from campaign.history import CERTIFICATES, History, Violated
from campaign.scenarios import PROFILE

LONGEST = 7
"""Steps of a history, before its end."""
_WORST_RUN = 110
"""Calls of a run with two certificates, at most."""

modes = st.sampled_from([mode for mode in Mode if mode is not Mode.REFUSED])
"""Two certificates may each try a password once that was changed during the run: docs/reliability.md."""
certificates = st.sampled_from(CERTIFICATES)


class Histories(RuleBasedStateMachine):
    """Builds histories; `play_on` sets `harness`."""

    harness: ClassVar[Harness | None] = None
    played: ClassVar[int] = 0
    progress_every: ClassVar[int] = 0
    """Histories between two printed lines; 0: none."""

    def __init__(self) -> None:
        super().__init__()
        assert Histories.harness is not None  # noqa: S101 - set by `play_on`
        self.history = History(Histories.harness)
        Histories.played += 1
        if Histories.progress_every and Histories.played % Histories.progress_every == 0:
            print(f"  process {os.getpid()}: {Histories.played} histories", flush=True)

    @rule()
    def run(self) -> None:
        """The daily run."""
        self.history.step("run")

    @rule(mode=modes, nth=st.integers(1, _WORST_RUN))
    def run_with_fault(self, mode: Mode, nth: int) -> None:
        """A run with a fault at any call."""
        self.history.step("run_with_fault", mode=mode.value, nth=nth)

    @rule(mode=modes, nth=st.integers(15, 60))
    def run_with_fault_in_an_order(self, mode: Mode, nth: int) -> None:
        """A run with a fault at a call that orders or collects."""
        self.history.step("run_with_fault", mode=mode.value, nth=nth)

    @rule()
    def follow_up(self) -> None:
        """The hourly run."""
        self.history.step("follow_up")

    @rule(certificate=certificates)
    def force(self, certificate: str) -> None:
        """A manual run."""
        self.history.step("force", certificate=certificate)

    @rule(hours=st.sampled_from([-72, -1, 1, 24, 24 * 150]))
    def run_with_wrong_clock(self, hours: int) -> None:
        """A clock that jumps."""
        self.history.step("run_with_wrong_clock", hours=hours)

    @rule(count=st.sampled_from([1, 9, 25, 70, 150]))
    def days(self, count: int) -> None:
        """Time without runs."""
        self.history.step("days", count=count)

    @rule(certificate=certificates)
    def ask(self, certificate: str) -> None:
        """A replacement that the operator requested."""
        self.history.step("ask", certificate=certificate)

    @rule(
        certificate=certificates,
        names=st.integers(0, 1),
        stores=st.integers(0, 3),
        key=st.sampled_from(["P-256", "P-384"]),
        profile=st.sampled_from([PROFILE, PROFILE, 3002]),
    )
    def respecify(self, certificate: str, **change: Any) -> None:
        """A changed delegation file."""
        self.history.step("respecify", certificate=certificate, **change)

    @rule(polls=st.integers(0, 2), seconds=st.sampled_from([0.0, 72_000.0]), approve=st.booleans())
    def slow_issuance(self, polls: int, seconds: float, *, approve: bool) -> None:
        """SCM issues slowly, or waits for an approval."""
        self.history.step("scm_becomes", issuance_polls=polls, issuance_seconds=seconds, auto_approve=approve)

    @rule(outcome=st.sampled_from(["issued", "declined", "rejected", "invalid", "revoked"]))
    def refused_issuance(self, outcome: str) -> None:
        """SCM refuses orders."""
        self.history.step("scm_becomes", outcome=outcome)

    @rule(certificate=certificates)
    def revoke(self, certificate: str) -> None:
        """A revocation."""
        self.history.step("revoke", certificate=certificate)

    @rule(approve=st.booleans())
    def decide_orders(self, *, approve: bool) -> None:
        """The RAO's decision."""
        self.history.step("decide_orders", approve=approve)

    @rule()
    def change_password(self) -> None:
        """A password changed in SCM only."""
        self.history.step("change_password")

    @precondition(lambda self: self.history.password != self.history.stored_password)
    @rule()
    def store_password(self) -> None:
        """The right password is stored."""
        self.history.step("store_password")

    @rule()
    def lock(self) -> None:
        """A locked account."""
        self.history.step("lock")

    def teardown(self) -> None:
        """Remove all faults, and check that the estate comes to rest."""
        if not self.history.broken:
            self.history.finish()


def play_on(harness: Harness, examples: int, seed: int, *, shrink: bool = False) -> None:
    """Play *examples* histories on *harness*. Raises Violated with the first that fails."""
    Histories.harness = harness
    Histories._hypothesis_internal_use_seed = seed  # noqa: SLF001 - what @seed sets
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples,
            stateful_step_count=LONGEST,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        ),
    )


def explore(harness_of: Callable[[], Harness], examples: int, seed: int, jobs: int) -> dict[str, Any]:
    """Play *examples* histories in *jobs* processes, each with a seed of its own; return the result."""
    children = []
    for number, share in enumerate(shares(examples, jobs)):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(_explored(harness_of, share, seed + number), pipe)
            os._exit(0)
        os.close(writing)
        children.append((pid, reading))
    results = []
    for pid, reading in children:
        with os.fdopen(reading, "rb") as pipe:
            results.append(pickle.load(pipe))  # noqa: S301 - our own child wrote it
        os.waitpid(pid, 0)
    return {
        "sequences": sum(played for played, _ in results),
        "seeds": list(range(seed, seed + len(children))),
        "violations": sum(1 for _, failure in results if failure),
        "failed": [failure for _, failure in results if failure],
    }


def shares(examples: int, jobs: int) -> list[int]:
    """Return the number of histories of each process: at least 1, *examples* in all."""
    processes = min(examples, jobs)
    return [examples // processes + (number < examples % processes) for number in range(processes)]


def _explored(harness_of: Callable[[], Harness], examples: int, seed: int) -> tuple[int, str]:
    Histories.progress_every, Histories.played = 50, 0
    with harness_of() as harness:
        freeze_garbage_collector()
        try:
            play_on(harness, examples, seed)
        except Violated as violated:
            return Histories.played, str(violated)
    return Histories.played, ""
