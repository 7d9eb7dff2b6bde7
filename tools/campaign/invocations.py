"""Lambda, as the state machine sees it: an invocation that can be struck, and the errors of functions that are gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

from campaign.wire import Invocation, Killed, Wire


def _named(name: str) -> type[Exception]:
    """Return an exception whose class has the name that Lambda would report."""
    return type(name, (Exception,), {})


TIMED_OUT = _named("Sandbox.Timedout")
ENDED = _named("Runtime.ExitError")
LOST = _named("Lambda.ClientExecutionTimeoutException")
BUSY = _named("Lambda.TooManyRequestsException")
DENIED = _named("Lambda.AccessDeniedException")


def invoked(wire: Wire, function: str, seconds: float, event: Any, play: Callable[[], Any]) -> Any:
    """Invoke *function*, which Lambda kills after *seconds*, and return its answer.

    Raises what Step Functions would be told when the invocation is struck, or its environment is gone.
    """
    span = timedelta(seconds=seconds)
    invocation = Invocation(event["run_id"], function, wire.time() + span)
    wire.enter(invocation)

    def effect() -> Any:
        """Its time counts from now, and its calls are made by this thread, which may be another one."""
        invocation.ends_at = wire.time() + span
        wire.enter(invocation)
        return play()

    try:
        return wire.cross(
            "lambda",
            f"Invoke {function}",
            effect=effect,
            lost=lambda: _fail(LOST, "the answer was lost"),
            error=lambda: _fail(BUSY, "Rate Exceeded."),
            denial=lambda: _fail(DENIED, "struck"),
        )
    except Killed:
        return _told(wire, invocation)


def _told(wire: Wire, invocation: Invocation) -> NoReturn:
    """What Lambda says of an environment that is gone: at once, or when its time is over."""
    if invocation.is_gone_for_good:
        _fail(ENDED, "Runtime exited without providing a reason")
    left = (invocation.ends_at - wire.time()).total_seconds()
    wire.time.pass_seconds(max(left, 0.0))
    _fail(TIMED_OUT, "Task timed out")


def _fail(kind: type[Exception], text: str) -> NoReturn:
    raise kind(text)


def published(log: str) -> dict[str, float]:
    """Return the metrics (embedded metric format) in what functions wrote to their log."""
    found: dict[str, float] = {}
    for line in log.splitlines():
        document = _json(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                found[metric["Name"]] = float(value[0] if isinstance(value, list) else value)
    return found


def _json(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
