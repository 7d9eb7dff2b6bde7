"""Executions as Step Functions returns them: description, events and, for a Distributed Map, the children."""

from __future__ import annotations

import datetime as dt
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.cloudformation.parameters import ACCOUNT, REGION

_POLL_SECONDS = 0.005


def history(execution_arn: str) -> dict[str, Any]:
    """Return `{"execution": {…}, "events": […], "children": [the same shape, …]}`, fit for JSON.

    Read from moto in this process: as DescribeExecution and GetExecutionHistory give it, without a call for
    each of what may be thousands of executions.
    """
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    backend = stepfunctions_parser_backends[ACCOUNT][REGION]
    return _with_children(backend.describe_execution(execution_arn))


def wait(execution_arn: str, timeout_seconds: float) -> None:
    """Return when an execution has ended; raises TimeoutError."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    execution = stepfunctions_parser_backends[ACCOUNT][REGION].describe_execution(execution_arn)
    deadline = time.monotonic() + timeout_seconds
    while execution.status == "RUNNING":
        if time.monotonic() > deadline:
            message = f"{execution_arn} has not ended after {timeout_seconds} s"
            raise TimeoutError(message)
        time.sleep(_POLL_SECONDS)


@dataclass(slots=True)
class _Read:
    """What has been read of an execution: a run with many children is read often while it grows."""

    events: list[Any] = field(default_factory=list)
    ended: dict[str, Any] | None = None


_read: weakref.WeakKeyDictionary[Any, _Read] = weakref.WeakKeyDictionary()


def _with_children(execution: Any) -> dict[str, Any]:
    read = _read.setdefault(execution, _Read())
    if read.ended is not None:
        return read.ended
    described: dict[str, Any] = _plain(execution.to_describe_output())  # before the events, which then are complete
    is_child = hasattr(execution, "map_run_arn")
    if is_child:
        described["mapRunArn"] = execution.map_run_arn
    env = execution.exec_worker.env if execution.exec_worker else None
    document = {"execution": described, "events": _events(env, read), "children": list(_children(env))}
    if is_child and described.get("status", "RUNNING") != "RUNNING":  # it has none before its thread has begun
        read.ended = document
    return document


def _events(env: Any, read: _Read) -> list[Any]:
    """Return all events; GetExecutionHistory would copy those that were read before again."""
    if env is not None:
        read.events += map(_plain, env.event_manager._history_event_list[len(read.events) :])
    return list(read.events)


def _children(env: Any) -> Iterator[dict[str, Any]]:
    from local.moto_repairs import distributed_map

    for record in env.map_run_record_pool_manager.get_all() if env is not None else ():
        yield from map(_with_children, list(distributed_map.children(record).values()))


def _plain(value: Any) -> Any:
    """Return plain JSON values: moto's enumerations are texts, its times are not."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value.value) if hasattr(value, "value") else value
