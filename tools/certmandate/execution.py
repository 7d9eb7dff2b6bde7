"""An execution of the state machine, started by a command and followed to its end."""

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
from certmandate.views.printing import print_error
from renewal.domain.request import RunRequest
from renewal.domain.run_report import RunReport

_FIRST_LOOK, _LONGEST_LOOK = 0.2, 5.0  # seconds between two looks; ever longer while nothing changes
_FOLLOWED_ONE_BY_ONE = 50  # delegations; beyond, only their number is told: GetExecutionHistory has a small quota
_OUR_INPUT = frozenset({"InvalidRequest", "UnknownDelegation", "TooManyDue"})


@dataclass(frozen=True)
class Ended:
    """An execution that has ended. `report` is None when it ended before it could write one."""

    run_id: str
    status: str
    """Step Functions' word: SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
    error: str
    cause: str
    report: RunReport | None = field(repr=False)

    @property
    def exit_code(self) -> int:
        """0 when all went well, 1 when something needs a person, 2 when the input was not taken."""
        if self.report is not None:
            return 0 if self.status == "SUCCEEDED" and not self.report.needs_attention else NEEDS_ATTENTION
        return WRONG_USAGE if self.error in _OUR_INPUT else NEEDS_ATTENTION

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "error": self.error,
            "cause": self.cause,
            "report": self.report.document() if self.report else None,
        }


@dataclass(frozen=True)
class Execution:
    """A run that was started."""

    deployment: Deployment
    arn: str

    @property
    def run_id(self) -> str:
        """The execution's name: under it stands the report."""
        return self.arn.rsplit(":", 1)[-1]

    def follow(self, console: Console) -> Ended:
        """Wait for its end; print every move of a delegation or certificate on *console* meanwhile.

        Ctrl-C ends the following, not the run.
        """
        try:
            described = self._followed(console)
        except KeyboardInterrupt:
            print_error(f"no longer followed; the run {self.run_id} goes on: `certmandate status` says how it ends")
            raise typer.Exit(INTERRUPTED) from None
        return Ended(
            run_id=self.run_id,
            status=described["status"],
            error=described.get("error", ""),
            cause=_sentence(described.get("cause", "")),
            report=self._report(),
        )

    def _followed(self, console: Console) -> Mapping[str, Any]:
        told, pause = _Told(self._states, self.arn), _FIRST_LOOK
        while True:
            described: Mapping[str, Any] = self._states.describe_execution(executionArn=self.arn)
            lines = list(told.lines())
            for line in lines:
                console.print(Text(line), soft_wrap=True)
            if described["status"] != "RUNNING":
                return described
            pause = _FIRST_LOOK if lines else min(pause * 1.5, _LONGEST_LOOK)
            time.sleep(pause)

    @property
    def _states(self) -> Any:
        return self.deployment.client("stepfunctions")

    def _report(self) -> RunReport | None:
        s3, key = self.deployment.client("s3"), f"runs/{self.run_id}/report.json"
        try:
            answer = s3.get_object(Bucket=self.deployment.fact("StoreBucket"), Key=key)
        except s3.exceptions.NoSuchKey:
            return None
        return RunReport.parse(json.loads(answer["Body"].read()))


def start(deployment: Deployment, request: Mapping[str, Any], purpose: str) -> Execution:
    """Start an execution. Raises InvalidRequest before anything is started.

    purpose: a word for the execution's name, e.g. `renew`.
    """
    RunRequest.parse(request)
    name = f"{re.sub('[^a-z0-9-]', '-', purpose.lower())[:40]}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    started = deployment.client("stepfunctions").start_execution(
        stateMachineArn=deployment.fact("StateMachineArn"), name=name, input=json.dumps(request)
    )
    return Execution(deployment, started["executionArn"])


def _sentence(cause: str) -> str:
    """Lambda's error document without its stack trace, or the text as it is."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, TypeError, KeyError):
        return cause


class _Told:
    """Reads the children of an execution again and again and tells what is new."""

    def __init__(self, states: Any, arn: str) -> None:
        from certmandate.progress import Progress

        self._states = states
        self._arn = arn
        self._progress = Progress()
        self._finished: dict[str, Mapping[str, Any]] = {}
        self._counted = ""

    def lines(self) -> Iterator[str]:
        """Yield what has happened since the last call."""
        for run in self._states.list_map_runs(executionArn=self._arn)["mapRuns"]:
            children = self._listed(run["mapRunArn"])
            if len(children) > _FOLLOWED_ONE_BY_ONE:
                yield from self._count(run["mapRunArn"])
                continue
            history = {"children": [self._child(child) for child in children]}
            for change in self._progress.changes(history):
                yield f"{change.moment.astimezone():%H:%M:%S}  {change.path:<34}  {change.text}"

    def _listed(self, map_run_arn: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for page in self._states.get_paginator("list_executions").paginate(mapRunArn=map_run_arn):
            found += page["executions"]
            if len(found) > _FOLLOWED_ONE_BY_ONE:
                break
        return found

    def _count(self, map_run_arn: str) -> Iterator[str]:
        counts = self._states.describe_map_run(mapRunArn=map_run_arn)["executionCounts"]
        done = sum(counts[name] for name in ("succeeded", "failed", "timedOut", "aborted"))
        line = f"{datetime.now().astimezone():%H:%M:%S}  {done} of {counts['total']} delegations done"
        if line[8:] != self._counted:
            self._counted = line[8:]
            yield line

    def _child(self, listed: Mapping[str, Any]) -> Mapping[str, Any]:
        """A child execution with its events; what has ended is read once more and never again."""
        arn = listed["executionArn"]
        if arn in self._finished:
            return self._finished[arn]
        described = self._states.describe_execution(executionArn=arn)
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [{**one, "timestamp": one["timestamp"].isoformat()} for page in pages for one in page["events"]]
        child = {"execution": {"executionArn": arn, "input": described["input"]}, "events": events}
        if described["status"] != "RUNNING":
            self._finished[arn] = child
        return child
