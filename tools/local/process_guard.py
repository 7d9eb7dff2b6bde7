"""One local AWS at a time in a process; moto's state is reset at the end."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.functions.pool import Function

OPERATOR = "operator"  # who calls, when neither a function nor Step Functions does
_running = threading.Lock()


class AlreadyRunning(RuntimeError):
    """moto's state belongs to the process: two local AWS in one process would share it."""


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


def deployed_function(function: Any) -> Function:
    """Return what is needed of moto's function to run it."""
    return Function(
        name=function.function_name,
        arn=function.function_arn,
        handler=function.handler,
        timeout_seconds=float(function.timeout),
        memory_mb=int(function.memory_size),
        variables=function.environment_vars,
        code=function.code_bytes,
        code_sha256=base64.b64decode(function.code_sha_256).hex(),
    )
