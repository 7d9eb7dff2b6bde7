"""Executions as Step Functions returns them: description, events and, for a Distributed Map, the children."""

from __future__ import annotations

import datetime as dt
import time
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


def _with_children(execution: Any) -> dict[str, Any]:
    from local.moto_repairs import distributed_map

    described: dict[str, Any] = _plain(execution.to_describe_output())
    if hasattr(execution, "map_run_arn"):
        described["mapRunArn"] = execution.map_run_arn
    env = execution.exec_worker.env if execution.exec_worker else None
    if env is None:
        return {"execution": described, "events": [], "children": []}
    records = env.map_run_record_pool_manager.get_all()
    return {
        "execution": described,
        "events": _plain(env.event_manager.get_event_history()),
        "children": [
            _with_children(child) for record in records for child in list(distributed_map.children(record).values())
        ],
    }


def _plain(value: Any) -> Any:
    """Return plain JSON values: moto's enumerations are texts, its times are not."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value.value) if hasattr(value, "value") else value
