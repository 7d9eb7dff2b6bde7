"""Plays many cases, each in a forked copy of the prepared process, so that none affects another."""

from __future__ import annotations

import os
import pickle
import random
import selectors
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from campaign.harness import Harness

_WAIT_FOR_THREADS = 5.0  # seconds: of executions that have just ended
T_co = TypeVar("T_co", covariant=True)


class Playable(Protocol[T_co]):
    """What can be played in a copy of the process."""

    def play(self, harness: Harness) -> T_co:
        """Play it on the prepared harness; return the outcome, which can be pickled."""

    def failed(self, text: str) -> T_co:
        """Return the outcome when the harness failed, which is reported like a violation."""


def play_all(harness: Harness, cases: Iterable[Playable[T_co]], *, jobs: int, seed: int) -> Iterator[T_co]:
    """Yield the outcome of every case, as it ends; *harness* has been prepared and does not change."""
    _await_other_threads()
    waiting = iter(cases)
    with selectors.DefaultSelector() as running:
        for case in waiting:
            _start(harness, case, seed, running)
            while len(running.get_map()) >= jobs:
                yield from _ended(running)
        while running.get_map():
            yield from _ended(running)


def _await_other_threads() -> None:
    """Wait until no other thread runs: a fork copies this thread only, and locks that another holds stay locked."""
    deadline = time.monotonic() + _WAIT_FOR_THREADS
    while threading.active_count() > 1:
        if time.monotonic() > deadline:
            message = f"threads are still running: {[thread.name for thread in threading.enumerate()]}"
            raise RuntimeError(message)
        time.sleep(0.005)


def _start(harness: Harness, case: Playable[T_co], seed: int, running: selectors.DefaultSelector) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:  # ends without any of the parent's clean-up
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(_played(harness, case, seed), pipe)
        os._exit(0)
    os.close(writing)
    running.register(reading, selectors.EVENT_READ, (pid, case, bytearray()))


def _played(harness: Harness, case: Playable[T_co], seed: int) -> T_co:
    random.seed(f"{seed} {case!r}")
    try:
        return case.play(harness)
    except Exception:  # noqa: BLE001 - an error of the harness is reported like a violation
        return case.failed(f"the harness failed: {traceback.format_exc()}")


def _ended(running: selectors.DefaultSelector) -> Iterator[Any]:
    for key, _ in running.select():
        pid, case, received = key.data
        if chunk := os.read(key.fd, 65_536):
            received += chunk
            continue
        running.unregister(key.fd)
        os.close(key.fd)
        os.waitpid(pid, 0)
        if not received:
            message = f"the process of {case} ended without an outcome"
            raise RuntimeError(message)
        yield pickle.loads(bytes(received))  # noqa: S301 - our own child wrote it
