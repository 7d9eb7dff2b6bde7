"""Random histories (hypothesis): steps in any order, the invariants after each, and rest at the end."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from campaign.history import CERTIFICATES, History, Violated
from campaign.scenarios import PROFILE
from campaign.stage import Stage, leave_alone
from campaign.strikes import Mode

LONGEST = 7
"""Steps of a history, before it may come to rest."""
_WORST_RUN = 110
"""About so many calls a run of two certificates makes."""

modes = st.sampled_from([one for one in Mode if one is not Mode.REFUSED])
"""Two certificates at work may each show a password once that was changed in the middle: docs/reliability.md."""
certificates = st.sampled_from(CERTIFICATES)


class Histories(RuleBasedStateMachine):
    """Builds histories; `stage` is set by whoever runs them."""

    stage: ClassVar[Stage | None] = None
    played: ClassVar[int] = 0
    tell_every: ClassVar[int] = 0
    """Histories between two lines of progress; 0: none."""

    def __init__(self) -> None:
        super().__init__()
        assert Histories.stage is not None  # noqa: S101 - set by `playing_on`
        self.history = History(Histories.stage)
        Histories.played += 1
        if Histories.tell_every and Histories.played % Histories.tell_every == 0:
            print(f"  process {os.getpid()}: {Histories.played} histories", flush=True)

    @rule()
    def run(self) -> None:
        """The daily run."""
        self.history.step("run")

    @rule(mode=modes, nth=st.integers(1, _WORST_RUN))
    def struck_run(self, mode: Mode, nth: int) -> None:
        """A run that is struck somewhere."""
        self.history.step("struck_run", mode=mode.value, nth=nth)

    @rule(mode=modes, nth=st.integers(15, 60))
    def struck_in_the_middle(self, mode: Mode, nth: int) -> None:
        """A run that is struck where orders are made and collected."""
        self.history.step("struck_run", mode=mode.value, nth=nth)

    @rule()
    def follow_up(self) -> None:
        """The hourly run."""
        self.history.step("follow_up")

    @rule(certificate=certificates)
    def force(self, certificate: str) -> None:
        """A run by hand."""
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
        """An operator's order."""
        self.history.step("ask", certificate=certificate)

    @rule(
        certificate=certificates,
        names=st.integers(0, 1),
        stores=st.integers(0, 3),
        key=st.sampled_from(["P-256", "P-384"]),
        profile=st.sampled_from([PROFILE, PROFILE, 3002]),
    )
    def respecify(self, certificate: str, **change: Any) -> None:
        """A new file."""
        self.history.step("respecify", certificate=certificate, **change)

    @rule(polls=st.integers(0, 2), seconds=st.sampled_from([0.0, 72_000.0]), approve=st.booleans())
    def slow_issuance(self, polls: int, seconds: float, *, approve: bool) -> None:
        """SCM takes its time, or waits for an approval."""
        self.history.step("scm_becomes", issuance_polls=polls, issuance_seconds=seconds, auto_approve=approve)

    @rule(outcome=st.sampled_from(["issued", "declined", "rejected", "invalid", "revoked"]))
    def refused_issuance(self, outcome: str) -> None:
        """SCM ends orders in another way."""
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
        """A password that changed elsewhere."""
        self.history.step("change_password")

    @precondition(lambda self: self.history.password != self.history.stored_password)
    @rule()
    def store_password(self) -> None:
        """The right password, stored."""
        self.history.step("store_password")

    @rule()
    def lock(self) -> None:
        """A locked account."""
        self.history.step("lock")

    def teardown(self) -> None:
        """Everything gets well in the end."""
        if not self.history.broken:
            self.history.finish()


def play_on(stage: Stage, examples: int, seed: int, *, shrink: bool = False) -> None:
    """Play so many histories on *stage*. Raises Violated with the first that fails."""
    Histories.stage = stage
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


def explore(stage_of: Callable[[], Stage], examples: int, seed: int, jobs: int) -> dict[str, Any]:
    """Play *examples* histories in *jobs* processes, each with a seed of its own; return what came of it."""
    children = []
    for number, share in enumerate(shares(examples, jobs)):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(_explored(stage_of, share, seed + number), pipe)
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
    """Say how many histories each process plays: together all of them, and none of them nothing."""
    processes = min(examples, jobs)
    return [examples // processes + (number < examples % processes) for number in range(processes)]


def _explored(stage_of: Callable[[], Stage], examples: int, seed: int) -> tuple[int, str]:
    Histories.tell_every, Histories.played = 50, 0
    with stage_of() as stage:
        leave_alone()
        try:
            play_on(stage, examples, seed)
        except Violated as violated:
            return Histories.played, str(violated)
    return Histories.played, ""
