"""AWS answers just before the functions give up: each function ends in time, and what it leaves out is reported."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

from campaign.harness import Harness
from campaign.scenarios import DELEGATION, credential, specification, world
from local.functions.fork_server import LambdaContext
from renewal.adapters import aws
from renewal.domain.delegation import S3
from scm_simulator import Dials

RUN = "run-slow"
SLOW = aws._CONNECT_SECONDS + aws._READ_SECONDS - 0.1
"""Seconds of one call of a service: the longest that is no failure."""


def begin(harness: Harness, delegations: int, certificates: int) -> None:
    """Apply so many delegations with so many new certificates each, and make AWS slow."""
    specifications = []
    for number in range(delegations):
        (made,) = (specification((S3,)),)
        name, (sample,) = f"{DELEGATION}{number or ''}", made.certificates
        many = tuple(replace(sample, delegation=name, name=f"c{count}") for count in range(certificates))
        specifications.append(replace(made, delegation=replace(made.delegation, name=name), certificates=many))
    credentials = {each.delegation.name: credential() for each in specifications}
    harness.begin(world(), specifications, credentials, Dials(issuance_polls=0))
    harness.played.aws_seconds = {"*": SLOW}


def invoke(harness: Harness, function: str, **event: Any) -> Any:
    """Invoke a function as the state machine does; its Sandbox.Timedout when Lambda would kill it."""
    values = {"function_name": function, "function_arn": function, "memory_mb": 128, "request_id": "1"}
    context = LambdaContext({**values, "timeout_seconds": harness._seconds[function]})
    with contextlib.redirect_stdout(harness.played.log):
        return harness.aws.handlers[function]({"run_id": RUN, **event}, context)


def plan(harness: Harness, **request: Any) -> Any:
    """Plan a run."""
    return invoke(harness, "CheckExpiryFunction", request=request, state_machine="machine")


def written(harness: Harness, name: str) -> Any:
    """An object of the run."""
    answer = harness.aws.client("s3").get_object(Bucket=harness.aws.outputs["StoreBucket"], Key=f"runs/{RUN}/{name}")
    return json.loads(answer["Body"].read())


def test_a_plan_is_made_of_what_could_be_read(harness: Harness) -> None:
    """What waits longest is read first; nothing is lost of the rest, which is deferred under its name."""
    begin(harness, 1, 2_400)

    summary = plan(harness)

    due = written(harness, "facts.json")["due"]
    states = Counter(each["state"] for each in due.values())
    assert len(due) == 2_400
    assert summary["due"] == states["planned"] > 0
    unread = [path for path, each in due.items() if not each["causes"]]
    assert len(unread) > 100
    assert summary["deferred"] == states["deferred"] >= len(unread)


def test_a_report_is_written_of_what_could_be_read(harness: Harness) -> None:
    """A delegation that was not read may have any problem: the run fails, and names each."""
    begin(harness, 60, 1)
    plan(harness)

    summary = invoke(harness, "ReportFunction", verification={})

    report = written(harness, "report.json")
    failed = Counter(row["error"] for row in report["delegations"])
    assert summary["outcome"] == report["outcome"] == "failed"
    assert sum(failed.values()) == 60
    assert failed["StoreUnavailable"] > 5
    assert failed["ResultMissing"] > 5
    unread = {row["delegation"] for row in report["delegations"] if row["error"] == "StoreUnavailable"}
    problems = {each["delegation"]: each for each in report["problems"] if each["code"] == "StoreUnavailable"}
    assert problems.keys() == unread
    assert {each["severity"] for each in problems.values()} == {"error"}
    assert "no time was left to read" in harness.played.alerts[-1]
