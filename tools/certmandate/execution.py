"""An execution of the state machine: started by a command, followed to its end, and its exit code."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from certmandate.deployment import Deployment
from certmandate.exit import INTERRUPTED, NEEDS_ATTENTION, WRONG_USAGE
from certmandate.files.operator_action import WHOLE_ESTATE, ActionKind
from certmandate.progress import ProgressReader
from certmandate.views.printing import print_error
from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import InvalidRequest, PlanUnreadable, UnknownDelegation
from renewal.domain.run.report import RunReport
from renewal.domain.run.request import RunRequest

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between two queries; longer while nothing changes
_MOST_FOLLOWED = 50  # delegations; of more, only the number is printed: GetExecutionHistory has a small quota
_OPTIONS = ("dry_run", "all_due_is_right", "open_orders_only", "record")
_BAD_INPUT = frozenset(kind.__name__ for kind in (InvalidRequest, UnknownDelegation))


@dataclass(frozen=True)
class Ended:
    """An execution that has ended. `report` is None when it ended before it could write one."""

    run_id: str
    status: str
    """Of Step Functions: SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
    error: str
    cause: str
    report: RunReport | None = field(repr=False)

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return exit_code(self.status, self.error, self.report)

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "error": self.error,
            "cause": self.cause,
            "report": self.report.document() if self.report else None,
        }


def exit_code(status: str, error: str, report: RunReport | None) -> int:
    """Return 0 on success, 1 when something needs attention, 2 when the input was refused."""
    if report is not None:
        return 0 if status == "SUCCEEDED" and not report.needs_attention else NEEDS_ATTENTION
    return WRONG_USAGE if error in _BAD_INPUT else NEEDS_ATTENTION


@dataclass(frozen=True)
class Execution:
    """A run that was started."""

    deployment: Deployment
    arn: str

    @property
    def run_id(self) -> str:
        """The execution's name, under which the report is stored."""
        return self.arn.rsplit(":", 1)[-1]

    def follow(self, console: Console) -> Ended:
        """Wait for its end, and print each change of a delegation or certificate on *console*.

        Ctrl-C ends only the command: the run continues.
        """
        try:
            described = self._followed(console)
        except KeyboardInterrupt:
            print_error(f"The run {self.run_id} continues; `certmandate status` shows how it ends.")
            raise typer.Exit(INTERRUPTED) from None
        return Ended(
            run_id=self.run_id,
            status=described["status"],
            error=described.get("error", ""),
            cause=_sentence(described.get("cause", "")),
            report=self._report(),
        )

    def _followed(self, console: Console) -> Mapping[str, Any]:
        from renewal.adapters.runs import RunningExecutions

        watcher, pause = _Watcher(self._states, self.arn), _FIRST_PAUSE
        if older := RunningExecutions(self._states).older(self.deployment.fact("StateMachineArn"), self.run_id):
            text = f"{', '.join(older)} is in progress: this run begins when it has ended"
            console.print(Text(text), soft_wrap=True)
        while True:
            described: Mapping[str, Any] = self._states.describe_execution(executionArn=self.arn)
            lines = list(watcher.lines())
            for line in lines:
                console.print(Text(line), soft_wrap=True)
            if described["status"] != "RUNNING":
                return described
            pause = _FIRST_PAUSE if lines else min(pause * 1.5, _LONGEST_PAUSE)
            time.sleep(pause)

    @property
    def _states(self) -> Any:
        return self.deployment.client("stepfunctions")

    def recording(self, delegation: str) -> Any:
        """Return the recording of SCM's answers for *delegation*; None when the run has written none."""
        return json.loads(self._content(f"recording-{delegation}") or "null")

    def _report(self) -> RunReport | None:
        content = self._content("report")
        try:
            return RunReport.parse(json.loads(content)) if content else None
        except (ValueError, RecursionError) as error:
            key = f"runs/{self.run_id}/report.json"
            msg = f"{key} cannot be read ({error}); was it written by a newer version? Then use its `certmandate`"
            raise PlanUnreadable(msg) from None

    def _content(self, name: str) -> bytes | None:
        return self.deployment.run_object(f"{self.run_id}/{name}.json")


def start(deployment: Deployment, request: Mapping[str, Any], purpose: str) -> Execution:
    """Start an execution, after its row of each delegation's audit trail. Raises InvalidRequest before both.

    *purpose*: the beginning of the execution's name, for example `renew`.
    """
    wanted = RunRequest.parse(request)
    name = f"{re.sub('[^a-z0-9-]', '-', purpose.lower())[:40]}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    for delegation, certificates in _worked_on(wanted).items():
        deployment.recorder.announce(
            ActionKind.RUN_STARTED,
            delegation,
            certificates,
            reason=wanted.reason,
            run_id=name,
            details=[option for option in _OPTIONS if request.get(option)],
        )
    started = deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.fact("StateMachineArn"), name=name, input=json.dumps(request)
    )
    return Execution(deployment, started["executionArn"])


def _worked_on(request: RunRequest) -> dict[str, list[str]]:
    """Return the names of the certificates that a run is for, by delegation; without names, it is for the estate."""
    by_delegation: dict[str, list[str]] = {name: [] for name in request.delegations}
    for path in map(CertificatePath.parse, request.certificates):
        by_delegation.setdefault(path.delegation, []).append(path.certificate)
    return by_delegation or {WHOLE_ESTATE: []}


def _sentence(cause: str) -> str:
    """Return the message of Lambda's error document, or *cause* itself."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return cause


class _Watcher:
    """Queries the child executions repeatedly and returns what is new."""

    def __init__(self, states: Any, arn: str) -> None:
        self._states = states
        self._arn = arn
        self._progress = ProgressReader()
        self._inputs: dict[str, str] = {}
        self._finished: dict[str, Mapping[str, Any]] = {}
        self._counted = ""

    def lines(self) -> Iterator[str]:
        """Yield a line for each change since the last call."""
        for run in self._states.list_map_runs(executionArn=self._arn)["mapRuns"]:
            children = self._listed(run["mapRunArn"])
            if len(children) > _MOST_FOLLOWED:
                yield from self._count(run["mapRunArn"])
                continue
            history = {"children": [self._child(child) for child in children]}
            yield from map(str, self._progress.changes(history))

    def _listed(self, map_run_arn: str) -> list[Mapping[str, Any]]:
        listed: list[Mapping[str, Any]] = []
        for page in self._states.get_paginator("list_executions").paginate(mapRunArn=map_run_arn):
            listed += page["executions"]
            if len(listed) > _MOST_FOLLOWED:
                break
        return listed

    def _count(self, map_run_arn: str) -> Iterator[str]:
        counts = self._states.describe_map_run(mapRunArn=map_run_arn)["executionCounts"]
        done = sum(counts[name] for name in ("succeeded", "failed", "timedOut", "aborted"))
        text = f"{done} of {counts['total']} delegations done"
        if text != self._counted:
            self._counted = text
            yield f"{datetime.now().astimezone():%H:%M:%S}  {text}"

    def _child(self, listed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a child execution with its events; its input is read once, and so is one that has ended."""
        arn = listed["executionArn"]
        if arn in self._finished:
            return self._finished[arn]
        if arn not in self._inputs:
            self._inputs[arn] = self._states.describe_execution(executionArn=arn)["input"]
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [{**event, "timestamp": event["timestamp"].isoformat()} for page in pages for event in page["events"]]
        child = {"execution": {"executionArn": arn, "input": self._inputs[arn]}, "events": events}
        if listed["status"] != "RUNNING":
            self._finished[arn] = child
        return child
