"""Plays many cases, each in a forked copy of the prepared process: nothing of one can reach another."""

from __future__ import annotations

import os
import pickle
import random
import selectors
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from campaign.cases import Case, Outcome, strike
from campaign.stage import Stage

_WAIT_FOR_THREADS = 5.0  # seconds: of executions that have just ended


def play_all(stage: Stage, cases: Iterable[Case], *, jobs: int, seed: int) -> Iterator[Outcome]:
    """Yield the outcome of every case, as they end; *stage* stands at the prepared moment and stays there."""
    _only_this_thread()
    waiting = iter(cases)
    with selectors.DefaultSelector() as running:
        for case in waiting:
            _start(stage, case, seed, running)
            while len(running.get_map()) >= jobs:
                yield from _ended(running)
        while running.get_map():
            yield from _ended(running)


def _only_this_thread() -> None:
    """A fork copies one thread only: what another one holds would never be released."""
    deadline = time.monotonic() + _WAIT_FOR_THREADS
    while threading.active_count() > 1:
        if time.monotonic() > deadline:
            message = f"threads are still running: {[one.name for one in threading.enumerate()]}"
            raise RuntimeError(message)
        time.sleep(0.005)


def _start(stage: Stage, case: Case, seed: int, running: selectors.DefaultSelector) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_a_child(writing, lambda: _played(stage, case, seed))
    os.close(writing)
    running.register(reading, selectors.EVENT_READ, (pid, case, bytearray()))


def _be_a_child(writing: int, act: Callable[[], Outcome]) -> None:
    """Write the outcome, and end without any of the parent's clean-up."""
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(act(), pipe)
    os._exit(0)


def _played(stage: Stage, case: Case, seed: int) -> Outcome:
    random.seed(f"{seed} {case.scenario.name} {case} {case.mode}")
    try:
        return strike(stage, case)
    except Exception:  # noqa: BLE001 - a harness that stumbles is told like a violation
        empty = Outcome("", "", "", "", has_hit=True, struck_run="", days=0, violations=())
        return replace(
            empty,
            scenario=case.scenario.name,
            boundary=str(case),
            operation=f"{case.boundary.service}:{case.boundary.operation}",
            mode=case.mode.value,
            violations=(f"the harness stumbled: {traceback.format_exc()}",),
        )


def _ended(running: selectors.DefaultSelector) -> Iterator[Outcome]:
    for key, _ in running.select():
        pid, case, received = key.data
        if chunk := os.read(key.fd, 65_536):
            received += chunk
            continue
        running.unregister(key.fd)
        os.close(key.fd)
        os.waitpid(pid, 0)
        if not received:
            message = f"the process of {case.boundary}, {case.mode.value}, ended without a word"
            raise RuntimeError(message)
        yield pickle.loads(bytes(received))  # noqa: S301 - our own child wrote it
