"""A state's failure in the form in which moto's interpreter passes it on."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails


def state_failure(env: Any, error: str, cause: str) -> Exception:
    """Return the exception that fails the state with one of the errors that Step Functions itself reports."""
    task_failed = TaskFailedEventDetails(error=error, cause=cause)
    details = EventDetails(taskFailedEventDetails=task_failed)  # type: ignore[typeddict-item]  # one of them
    event = FailureEvent(
        env=env,
        error_name=StatesErrorName.from_name(error),
        event_type=HistoryEventType.TaskFailed,
        event_details=details,
    )
    failure: Exception = FailureEventException(event)
    return failure
