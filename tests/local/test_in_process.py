from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.core.request import Request
from moto.core.routing import get_service_router

from local import calls
from local.in_process import InProcessAws

from .conftest import TOY

PLAN = [{"delegation": "a", "certificates": ["one", "two"]}, {"delegation": "b", "certificates": ["lost"]}]


def work(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Play the toy application's function."""
    if event["name"] == "lost":
        message = "what no one catches"
        raise ValueError(message)
    boto3.client("s3").put_object(Bucket="certmandate-bucket", Key=f"done/{event['name']}", Body=b"")
    return {"name": event["name"], "outcome": "stored"}


@pytest.fixture(scope="module")
def aws() -> Iterator[InProcessAws]:
    """Provision the toy application in this process."""
    with InProcessAws(TOY, {"WorkFunction": work}) as in_process:
        yield in_process


def run_plan(aws: InProcessAws, plan: list[dict[str, Any]]) -> dict[str, Any]:
    """Run a plan through the Distributed Map."""
    aws.client("s3").put_object(Bucket=aws.outputs["BucketName"], Key="plan.json", Body=json.dumps(plan))
    return aws.run(aws.outputs["MachineArn"], {"do": "plan", "plan": "plan.json", "results": "results"})


def test_the_state_machine_runs_with_callables_of_this_process(aws: InProcessAws) -> None:
    """Tests replace and interrupt each function."""
    history = run_plan(aws, PLAN)

    assert history["execution"]["status"] == "SUCCEEDED"
    assert sorted(child["execution"]["status"] for child in history["children"]) == ["FAILED", "SUCCEEDED"]
    keys = [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket="certmandate-bucket")["Contents"]]
    assert {"done/one", "done/two"} <= set(keys)


def test_a_handler_may_be_exchanged_between_two_runs(aws: InProcessAws) -> None:
    """So a test replaces one function by one that crashes."""

    def crashing(_event: object, _context: object) -> None:
        raise ConnectionError

    kept, aws.handlers["WorkFunction"] = aws.handlers["WorkFunction"], crashing
    (child,) = run_plan(aws, PLAN[:1])["children"]
    aws.handlers["WorkFunction"] = kept

    assert child["execution"]["error"] == "ConnectionError"


def test_waiting_takes_no_time(aws: InProcessAws) -> None:
    """A hundred seconds in the definition, none with the factor 0."""
    assert aws.run(aws.outputs["MachineArn"], {"do": "wait"}, timeout_seconds=5)["execution"]["status"] == "SUCCEEDED"


def test_a_run_that_a_test_leaves_behind_is_waited_for(aws: InProcessAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions would call with what belongs to the next test, and leave connections of this one open."""
    ended = []

    def slow(event: dict[str, Any], _context: object) -> dict[str, Any]:
        time.sleep(0.2)
        ended.append(event)
        return {}

    monkeypatch.setitem(aws.handlers, "WorkFunction", slow)
    aws.client("s3").put_object(Bucket=aws.outputs["BucketName"], Key="plan.json", Body=json.dumps(PLAN[:1]))
    aws.start_execution(aws.outputs["MachineArn"], "left", {"do": "plan", "plan": "plan.json", "results": "results"})

    aws.settle()

    assert ended


def test_an_operation_keeps_its_name_after_it_was_called_in_this_process(aws: InProcessAws) -> None:
    """Botocore takes the bucket out of the address in its description of S3, which names the calls of the next AWS."""
    aws.client("s3").list_objects_v2(Bucket=aws.outputs["BucketName"])

    get_service_router.cache_clear()
    asked = Request.from_primitives("GET", "http://127.0.0.1/bucket?list-type=2&prefix=a", {})
    assert calls._operation("s3", asked) == "ListObjectsV2"


def test_an_execution_may_be_asked_for_its_maps_at_once(aws: InProcessAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that follows a run polls from its start."""
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker  # noqa: PLC0415 - see `isolation`

    begin = ExecutionWorker._get_evaluation_environment

    def late(worker: Any) -> Any:
        time.sleep(0.2)
        return begin(worker)

    monkeypatch.setattr(ExecutionWorker, "_get_evaluation_environment", late)
    states = aws.client("stepfunctions")

    started = states.start_execution(stateMachineArn=aws.outputs["MachineArn"], input='{"do": "wait"}')

    assert states.list_map_runs(executionArn=started["executionArn"])["mapRuns"] == []
    states.stop_execution(executionArn=started["executionArn"])


def test_a_long_map_does_not_exhaust_the_stack(aws: InProcessAws) -> None:
    """One iteration must not sit on top of the one before: a large delegation has thousands."""
    kept, aws.handlers["WorkFunction"] = aws.handlers["WorkFunction"], lambda event, _: event["name"]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(250)
    try:
        (child,) = run_plan(aws, [{"delegation": "a", "certificates": [f"n{i}" for i in range(120)]}])["children"]
    finally:
        sys.setrecursionlimit(limit)
        aws.handlers["WorkFunction"] = kept

    assert child["execution"]["status"] == "SUCCEEDED", child["execution"]["cause"]


def test_a_function_without_a_handler_is_named(aws: InProcessAws) -> None:
    """Not a mysterious failure of the state machine."""
    execution = aws.run(aws.outputs["MachineArn"], {"do": "broken"})["execution"]

    assert "BrokenFunction was invoked, but handlers has only WorkFunction" in execution["cause"]


def test_the_variables_of_a_function_are_returned(aws: InProcessAws) -> None:
    """A test that sets the handlers up sets them too."""
    assert aws.variables("WorkFunction") == {"GREETING": "hello", "BUCKET": "certmandate-bucket"}
