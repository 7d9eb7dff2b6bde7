"""Lambda towards the state machine: intercepted invocations, and the errors of killed environments."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

from campaign.interception.calls import Answers, Interception, Invocation, Killed


def _named(name: str) -> type[Exception]:
    """Return an exception whose class has the name that Lambda would report."""
    return type(name, (Exception,), {})


TIMED_OUT = _named("Sandbox.Timedout")
ENDED = _named("Runtime.ExitError")
LOST = _named("Lambda.ClientExecutionTimeoutException")
BUSY = _named("Lambda.TooManyRequestsException")
DENIED = _named("Lambda.AccessDeniedException")


def invoked(interception: Interception, function: str, seconds: float, event: Any, play: Callable[[], Any]) -> Any:
    """Invoke *function*, which Lambda kills after *seconds*, and return its answer.

    Raises the error that Lambda returns to Step Functions for an injected fault or a killed environment.
    """
    span = timedelta(seconds=seconds)
    branch = event.get("delegation", ""), event.get("certificate", "")
    invocation = Invocation(event["run_id"], function, interception.time() + span, branch)
    interception.enter(invocation)

    def effect() -> Any:
        """Start the time limit now; a concurrent mode may have used it, and a late effect has its own thread."""
        invocation.ends_at = interception.time() + span
        interception.enter(invocation)
        return play()

    answers = Answers(
        effect=effect,
        lost=lambda: _fail(LOST, "the answer was lost"),
        error=lambda: _fail(BUSY, "Rate Exceeded."),
        denial=lambda: _fail(DENIED, "injected"),
    )
    try:
        return interception.intercept("lambda", f"Invoke {function}", answers)
    except Killed:
        return _killed(interception, invocation)


def _killed(interception: Interception, invocation: Invocation) -> NoReturn:
    """Raise Lambda's error for a killed environment: an exit at once, a time-out at the end of its time."""
    if invocation.is_exit:
        _fail(ENDED, "Runtime exited without providing a reason")
    left = (invocation.ends_at - interception.time()).total_seconds()
    interception.time.pass_seconds(max(left, 0.0))
    _fail(TIMED_OUT, "Task timed out")


def _fail(kind: type[Exception], text: str) -> NoReturn:
    raise kind(text)


def published(log: str) -> dict[str, float]:
    """Return the metrics (embedded metric format) in what functions wrote to their log."""
    metrics: dict[str, float] = {}
    for line in log.splitlines():
        document = _json(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                metrics[metric["Name"]] = float(value[0] if isinstance(value, list) else value)
    return metrics


def _json(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
