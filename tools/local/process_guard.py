"""One local AWS at a time in a process; moto's state is reset at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_running = threading.Lock()


class AlreadyRunning(RuntimeError):
    """moto's state belongs to the process: two stacks in one process would share it."""


@contextmanager
def only_one() -> Iterator[None]:
    """Refuse a second local AWS in this process; at the end reset moto, whose state outlives a server."""
    if not _running.acquire(blocking=False):
        message = "another LocalAws or InProcessAws runs in this process: close it first"
        raise AlreadyRunning(message)
    try:
        yield
    finally:
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()
        _running.release()
