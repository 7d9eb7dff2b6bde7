"""Step Functions' Distributed Map: each item an execution of its own, results in S3 in AWS's form.

moto's interpreter runs the items inside the parent: no child executions, no histories, an empty result
manifest and a failure threshold without effect. `map_states` replaces it by this module.
Source: Step Functions developer guide, "Using Map state in Distributed mode" and "ResultWriter (Map)".
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType, StateMachineType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import SyncExecutionWorker
from moto.stepfunctions.parser.utils import long_uid

_ABORTED_BY_PARENT = "The parent execution ended."


@dataclass(frozen=True)
class ChildStateMachine:
    """The state machine of a Map Run's children, `<machine>/<label>`."""

    arn: str
    name: str
    sm_type: str = StateMachineType.STANDARD
    definition: str = "{}"  # the parent's parsed program is run: this text is never read


class ChildWorker(SyncExecutionWorker):
    """Runs the Map's item processor, already parsed, as a whole execution in the caller's thread."""

    program: Any

    def _get_evaluation_entrypoint(self) -> Any:
        return self.program


class ChildExecution(Execution):
    """One item's execution."""

    def __init__(self, parent: Any, record: Any, program: Any, item_input: Any) -> None:
        name = long_uid()
        machine = ChildStateMachine(record.map_state_machine_arn, record.map_state_machine_arn.split(":")[-1])
        super().__init__(
            name=name,
            sm_type=StateMachineType.STANDARD,
            role_arn=parent.aws_execution_details.role_arn,
            exec_arn=f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}",
            account_id=parent.aws_execution_details.account,
            region_name=parent.aws_execution_details.region,
            state_machine=machine,  # type: ignore[arg-type]  # moto reads four members of it
            start_date=_now(),
            cloud_watch_logging_session=None,
            activity_store={},
            input_data=json.dumps(item_input),
        )
        self.map_run_arn = record.map_run_arn
        self._program = program

    def _get_start_execution_worker(self) -> ChildWorker:
        plain = super()._get_start_execution_worker()
        worker = ChildWorker(
            evaluation_details=plain._evaluation_details,
            exec_comm=plain._execution_communication,
            cloud_watch_logging_session=None,
            activity_store={},
        )
        worker.program = self._program
        return worker

    def abort(self, *_args: object, **_details: object) -> None:
        """Stop with the parent; the same for every way in which the parent can end."""
        if self.exec_worker and self.exec_worker.env:
            self.exec_worker.env.set_stop(stop_date=_now(), cause=_ABORTED_BY_PARENT, error=None)

    set_stop = set_error = set_timed_out = set_ended = abort


def run_items(worker: Any) -> None:
    """Take items from the Map's pool, one execution each, until none is left: one of the Map's threads."""
    pool, record = worker._job_pool, worker._map_run_record
    while (job := pool.next_job()) is not None:
        try:
            if worker._env.is_running():
                job.job_output = _run_item(worker, job)
                _enforce_tolerance(worker._env, record, pool._jobs_number)
        except Exception as failure:  # noqa: BLE001 - the pool takes it as the job's output: it fails the Map
            job.job_output = failure
        pool.close_job(job)


def children(record: Any) -> dict[str, ChildExecution]:
    """Return a Map Run's children by ARN, in the order in which they started."""
    return record.__dict__.setdefault("children", {})  # type: ignore[no-any-return]


def find_child(backend: Any, execution_arn: str) -> ChildExecution | None:
    """Find a child execution in all Map Runs of a region."""
    for record in map_runs(backend):
        if execution_arn in children(record):
            return children(record)[execution_arn]
    return None


def map_runs(backend: Any) -> Iterator[Any]:
    """Return every Map Run of a region."""
    for machine in backend.state_machines:
        for execution in machine.executions:
            if execution.exec_worker and execution.exec_worker.env:
                yield from execution.exec_worker.env.map_run_record_pool_manager.get_all()


def write_results(s3: Any, record: Any, bucket: str, prefix: str) -> dict[str, Any]:
    """Write a Map Run's results to S3; return the Map state's output.

    Objects: `<prefix>/<map run id>/manifest.json`, and beside it `SUCCEEDED_0.json` and `FAILED_0.json`
    where there is something to write: a list of executions as DescribeExecution gives them, member names
    capitalised, Input and Output as JSON texts. Failed, timed out and aborted executions are all in FAILED.
    """
    folder = "/".join(part for part in (prefix.strip("/"), record.map_run_arn.split(":")[-1]) if part)
    ended = list(children(record).values())
    parts = {
        "FAILED": [child for child in ended if child.exec_status != ExecutionStatus.SUCCEEDED],
        "PENDING": [],
        "SUCCEEDED": [child for child in ended if child.exec_status == ExecutionStatus.SUCCEEDED],
    }
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in parts}
    for name, members in parts.items():
        if members:
            body = json.dumps([_result(child) for child in members]).encode()
            key = f"{folder}/{name}_0.json"
            s3.put_object(Bucket=bucket, Key=key, Body=body)
            files[name].append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": bucket, "MapRunArn": record.map_run_arn, "ResultFiles": files}
    key = f"{folder}/manifest.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    return {"MapRunArn": record.map_run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def _run_item(worker: Any, job: Any) -> Any:
    frame = worker._env.open_inner_frame()
    record = worker._map_run_record
    try:
        item_input = _item_input(worker, frame, job)
        child = ChildExecution(frame, record, job.job_program, item_input)
        children(record)[child.exec_arn] = child
        with _counted(record, child), _ending_with(frame, child):
            child.start()
    finally:
        worker._env.delete_frame(frame)
    return child.output if child.exec_status == ExecutionStatus.SUCCEEDED else None


def _item_input(worker: Any, frame: Any, job: Any) -> Any:
    """Return what the ItemSelector makes of an item."""
    context = frame.states.context_object.context_object_data
    context["Map"] = MapData(Item=ItemData(Index=job.job_index, Value=job.job_input))
    frame.states.reset(job.job_input)
    frame.stack.append(frame.states.get_input())
    worker._eval_input(env_frame=frame)
    return frame.states.get_input()


@contextmanager
def _counted(record: Any, child: ChildExecution) -> Iterator[None]:
    """Keep the Map Run's figures (DescribeMapRun)."""
    counters = (record.item_counter, record.execution_counter)
    for counter in counters:
        counter.total.count()
        counter.running.count()
    yield
    for counter in counters:
        counter.running.offset(-1)
        getattr(counter, _COUNTED_AS[child.status]).count()
        counter.results_written.count()


_COUNTED_AS = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timed_out",
    "ABORTED": "aborted",
}


@contextmanager
def _ending_with(frame: Any, child: ChildExecution) -> Iterator[None]:
    """Let the child end when its parent is stopped, fails or runs out of time."""
    frame._frames.append(child)
    try:
        yield
    finally:
        frame._frames.remove(child)


def _enforce_tolerance(env: Any, record: Any, items: int) -> None:
    """Fail the Map Run as soon as more items failed than it tolerates; without a threshold, at the first."""
    failed = record.item_counter.failed.get() + record.item_counter.timed_out.get()
    count, percentage = record.tolerated_failure_count, record.tolerated_failure_percentage
    too_many = failed > count if count else False
    too_large = failed * 100 > percentage * items if percentage else False
    if too_many or too_large or (failed and not count and not percentage):
        raise _threshold_exceeded(env)


def _threshold_exceeded(env: Any) -> Exception:
    """Return the failure of the Map, in the form in which moto's interpreter passes it on."""
    error, cause = "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
    details = EventDetails(taskFailedEventDetails=TaskFailedEventDetails(error=error, cause=cause))  # type: ignore[typeddict-item]  # one of them
    failure: Exception = FailureEventException(
        FailureEvent(env, StatesErrorName.from_name(error), HistoryEventType.TaskFailed, details)
    )
    return failure


def _result(child: ChildExecution) -> dict[str, Any]:
    described: dict[str, Any] = {
        name[0].upper() + name[1:]: value for name, value in child.to_describe_output().items()
    }
    described.pop("TraceHeader", None)
    for name in ("StartDate", "StopDate"):
        described[name] = _iso(described[name])
    for name in ("InputDetails", "OutputDetails"):
        if name in described:
            described[name] = {"Included": True}
    return {**described, **_redrive(str(child.status))}


def _redrive(status: str) -> dict[str, Any]:
    if status != "SUCCEEDED":
        return {"RedriveCount": 0, "RedriveStatus": "REDRIVABLE_BY_MAP_RUN"}
    reason = f"Execution is {status} and cannot be redriven"
    return {"RedriveCount": 0, "RedriveStatus": "NOT_REDRIVABLE", "RedriveStatusReason": reason}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _iso(time: dt.datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
