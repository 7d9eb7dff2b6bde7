"""Random histories (hypothesis): steps in any order, invariants after each, all invariants at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from campaign.fault_injection import Mode
from campaign.harness import Harness, freeze_garbage_collector
from campaign.histories.backup import Written
from campaign.histories.history import History, Violated
from campaign.histories.tenants import NAMES, SHORT_PROFILE
from campaign.interception.dns import DnsState
from campaign.scenarios import PROFILE

LONGEST = 7
"""Steps of a history, before its end."""
_WORST_RUN = 110
"""Calls of a run with two certificates, at most."""
_ORDERING = (15, 60)
"""Of those calls, the first and last that order or collect."""

_ROTATION = 20
"""Calls of a rotation; a fault at a later one lets it end."""

_OBSTACLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "locked": ("lock", {}),
    "not approved": ("scm_becomes", {"auto_approve": False}),
    "declined": ("scm_becomes", {"outcome": "declined"}),
}
"""What keeps certificates from being renewed in time."""

modes = st.sampled_from([mode.value for mode in Mode if mode is not Mode.REFUSED])
"""Two certificates may each try a password once that was changed during the run: docs/reliability.md."""
certificates = st.sampled_from(sorted(NAMES))
rotation_modes = st.sampled_from([Mode.KILLED_BEFORE.value, Mode.KILLED_AFTER.value, Mode.ANSWERS_LOST.value])


def _rule(name: str, step: str = "", **arguments: Any) -> Any:
    """Return a rule that takes a step of `History` (default: *name*) with drawn arguments."""

    def take(histories: Histories, **drawn: Any) -> None:
        histories.history.step(step or name, **drawn)

    take.__name__ = name  # hypothesis orders the rules, and switches them off, by name
    decorate: Any = rule(**arguments)
    return decorate(take)


def _is_shut_out(histories: Histories) -> bool:
    return histories.history.is_shut_out


def _has_backup(histories: Histories) -> bool:
    return histories.history.backup is not None


def _is_rolled_back(histories: Histories) -> bool:
    return histories.history.is_rolled_back


def _has_end_of_mandate(histories: Histories) -> bool:
    return histories.history.affected.mandate_ends is not None


def _has_record(histories: Histories) -> bool:
    return histories.history.persistent.begun_at is not None


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

    @initialize(near=st.sampled_from(["", "", "password", *_OBSTACLES]), days=st.sampled_from([13, 9, 3, -1, 60]))
    def begin(self, near: str, days: int) -> None:
        """Two of three histories begin where something is near its end, which random steps hardly ever reach."""
        if not near:
            return
        self.history.step("run")
        if near == "password":
            self.history.step("end_password", days=min(max(days, 2), 13))
        else:
            step, arguments = _OBSTACLES[near]
            self.history.step(step, **arguments)
            self.history.step("until_end", days=days)
        for _ in range(3):
            self.history.step("run")

    run = _rule("run")
    run_with_fault = _rule("run_with_fault", mode=modes, nth=st.integers(1, _WORST_RUN))
    run_with_fault_in_an_order = _rule(
        "run_with_fault_in_an_order", "run_with_fault", mode=modes, nth=st.integers(*_ORDERING)
    )
    hourly_run = _rule("hourly_run")
    hourly_run_with_fault = _rule("hourly_run_with_fault", mode=modes, nth=st.integers(1, _WORST_RUN))
    replace_everything = _rule("replace_everything")
    force = _rule("force", certificate=certificates)
    run_with_wrong_clock = _rule("run_with_wrong_clock", hours=st.sampled_from([-72, -1, 1, 24, 24 * 150]))
    days = _rule("days", count=st.sampled_from([1, 9, 25, 70, 150]))
    ask = _rule("ask", certificate=certificates)
    respecify = _rule(
        "respecify",
        certificate=certificates,
        names=st.integers(0, 1),
        stores=st.integers(0, 3),
        key=st.sampled_from(["P-256", "P-384"]),
        profile=st.sampled_from([PROFILE, PROFILE, SHORT_PROFILE]),
    )
    slow_issuance = _rule(
        "slow_issuance",
        "scm_becomes",
        issuance_polls=st.integers(0, 2),
        issuance_seconds=st.sampled_from([0.0, 72_000.0]),
        auto_approve=st.booleans(),
    )
    refused_issuance = _rule(
        "refused_issuance",
        "scm_becomes",
        outcome=st.sampled_from(["issued", "declined", "rejected", "invalid", "revoked"]),
    )
    revoke = _rule("revoke", certificate=certificates)
    decide_orders = _rule("decide_orders", approve=st.booleans())
    validate_persistently = _rule("validate_persistently")
    publish_record = precondition(_has_record)(_rule("publish_record"))
    remove_record = precondition(_has_record)(_rule("remove_record"))
    dns_becomes = precondition(_has_record)(_rule("dns_becomes", state=st.sampled_from(list(map(str, DnsState)))))
    change_password = _rule("change_password")
    store_password = precondition(_is_shut_out)(_rule("store_password"))
    replace_login = _rule("replace_login")
    rotate = _rule("rotate", mode=rotation_modes, nth=st.integers(1, _ROTATION + 3))
    lock = _rule("lock")
    unlock = precondition(_is_shut_out)(_rule("unlock"))
    end_mandate = _rule("end_mandate", days=st.sampled_from([-1, 0, 2, 60]))
    extend_mandate = precondition(_has_end_of_mandate)(_rule("extend_mandate"))
    back_up = _rule("back_up")
    restore = precondition(_has_backup)(_rule("restore"))
    roll_back = _rule("roll_back", written=st.sampled_from([written.value for written in Written]))
    upgrade = precondition(_is_rolled_back)(_rule("upgrade"))
    change_issuers = _rule("change_issuers")
    other_chain = _rule("other_chain", "scm_becomes", chain=st.sampled_from(["own", "cross-signed"]))

    def teardown(self) -> None:
        """Remove all faults, and check that the estate comes to rest."""
        if not self.history.broken:
            self.history.finish()


def play_on(harness: Harness, examples: int, seed: int) -> None:
    """Play *examples* histories on *harness*. Raises Violated with the first that fails."""
    Histories.harness = harness
    Histories._hypothesis_internal_use_seed = seed  # noqa: SLF001 - what @seed sets
    options = settings(
        max_examples=examples,
        stateful_step_count=LONGEST,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(Histories, settings=options)
    except FlakyFailure as flaky:
        # A failed history is played again; calls that overlap may be in another order then, and all goes well.
        raise next(each for each in flaky.exceptions if isinstance(each, Violated)) from flaky


def explore(examples: int, seed: int, jobs: int) -> dict[str, Any]:
    """Play *examples* histories in *jobs* processes, each with a seed of its own; return the result."""
    each = shares(examples, jobs)
    seeds = [seed + number for number in range(len(each))]
    with ProcessPoolExecutor(len(each), get_context("spawn")) as processes:
        results = list(processes.map(_explored, each, seeds))
    return {
        "sequences": sum(played for played, _ in results),
        "seeds": seeds,
        "violations": sum(1 for _, failure in results if failure),
        "failed": [failure for _, failure in results if failure],
    }


def shares(examples: int, jobs: int) -> list[int]:
    """Return the number of histories of each process: at least 1, *examples* in all."""
    processes = min(examples, jobs)
    return [examples // processes + (number < examples % processes) for number in range(processes)]


def _explored(examples: int, seed: int) -> tuple[int, str]:
    Histories.progress_every, Histories.played = 50, 0
    with Harness() as harness:
        freeze_garbage_collector()
        try:
            play_on(harness, examples, seed)
        except Violated as violated:
            return Histories.played, str(violated)
    return Histories.played, ""
