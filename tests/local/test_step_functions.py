from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local import LocalAws

from .conftest import Run

Plan = Callable[[list[dict[str, Any]]], dict[str, Any]]

HEALTHY_AND_TROUBLED = [
    {"delegation": "a", "certificates": ["one", "pending-a-while"]},
    {"delegation": "b", "certificates": ["declined", "two"]},
    {"delegation": "c", "certificates": ["lost"]},
]


def stored(aws: LocalAws, key: str) -> Any:
    """Read a JSON object of the bucket."""
    return json.loads(aws.client("s3").get_object(Bucket=aws.outputs["BucketName"], Key=key)["Body"].read())


def output(history: dict[str, Any]) -> Any:
    """Return an execution's output."""
    return json.loads(history["execution"]["output"])


def test_a_distributed_map_reads_the_plan_and_writes_results_as_aws_does(aws: LocalAws, run_plan: Plan) -> None:
    """The report reads these files: their form is the contract."""
    history = run_plan(HEALTHY_AND_TROUBLED)

    result = output(history)["results"]
    details = result["ResultWriterDetails"]
    map_run = result["MapRunArn"].rsplit(":", 1)[-1]
    assert details["Bucket"] == aws.outputs["BucketName"]
    assert details["Key"] == f"{output(history)['plan'].rsplit('/', 1)[0]}/results/{map_run}/manifest.json"
    manifest = stored(aws, details["Key"])
    assert manifest["DestinationBucket"] == aws.outputs["BucketName"]
    assert manifest["MapRunArn"] == result["MapRunArn"]
    assert set(manifest["ResultFiles"]) == {"SUCCEEDED", "FAILED", "PENDING"}
    assert manifest["ResultFiles"]["PENDING"] == []
    for status, file in (
        ("SUCCEEDED", manifest["ResultFiles"]["SUCCEEDED"][0]),
        ("FAILED", manifest["ResultFiles"]["FAILED"][0]),
    ):
        assert file["Key"].endswith(f"{map_run}/{status}_0.json")
        head = aws.client("s3").head_object(Bucket=aws.outputs["BucketName"], Key=file["Key"])
        assert file["Size"] == head["ContentLength"]


def test_a_result_holds_the_execution_as_texts(aws: LocalAws, run_plan: Plan) -> None:
    """Input and Output are JSON inside JSON on AWS; a reader written for objects would fail there."""
    manifest = stored(aws, output(run_plan(HEALTHY_AND_TROUBLED))["results"]["ResultWriterDetails"]["Key"])

    succeeded = stored(aws, manifest["ResultFiles"]["SUCCEEDED"][0]["Key"])
    assert sorted(json.loads(child["Input"])["delegation"] for child in succeeded) == ["a", "b"]
    first = succeeded[0]
    assert {
        "ExecutionArn",
        "Name",
        "Status",
        "StartDate",
        "StopDate",
        "StateMachineArn",
        "InputDetails",
    } <= set(first)
    assert isinstance(first["Output"], str)
    assert {child["Status"] for child in succeeded} == {"SUCCEEDED"}


def test_a_failed_child_is_in_failed_and_stops_no_other_child(aws: LocalAws, run_plan: Plan) -> None:
    """One broken delegation must not cost the others their renewal."""
    history = run_plan(HEALTHY_AND_TROUBLED)

    assert history["execution"]["status"] == "SUCCEEDED"
    manifest = stored(aws, output(history)["results"]["ResultWriterDetails"]["Key"])
    (failed,) = stored(aws, manifest["ResultFiles"]["FAILED"][0]["Key"])
    assert (failed["Status"], failed["Error"]) == ("FAILED", "ValueError")
    assert json.loads(failed["Cause"])["errorMessage"] == "what no one catches"
    assert "Output" not in failed


def test_the_history_holds_the_children_of_a_distributed_map(run_plan: Plan) -> None:
    """Progress and history.json are made of it."""
    history = run_plan(HEALTHY_AND_TROUBLED)

    assert [event["type"] for event in history["events"]][-1] == "ExecutionSucceeded"
    assert sorted(child["execution"]["status"] for child in history["children"]) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    child = history["children"][0]
    assert ":execution:certmandate-Machine/EachDelegation:" in child["execution"]["executionArn"]
    assert child["execution"]["mapRunArn"] == output(history)["results"]["MapRunArn"]
    assert {"ExecutionStarted", "MapStateEntered", "TaskScheduled"} <= {event["type"] for event in child["events"]}
    json.dumps(history)


def test_children_are_found_through_the_api(aws: LocalAws, run_plan: Plan) -> None:
    """The AWS CLI lists them as on AWS, and not among the parent's executions."""
    history = run_plan(HEALTHY_AND_TROUBLED)
    client = aws.client("stepfunctions")

    (map_run,) = client.list_map_runs(executionArn=history["execution"]["executionArn"])["mapRuns"]
    children = client.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    assert len(children) == 3
    described = client.describe_execution(executionArn=children[0]["executionArn"])
    assert described["mapRunArn"] == map_run["mapRunArn"]
    assert client.get_execution_history(executionArn=children[0]["executionArn"])["events"]
    counts = client.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
    assert (counts["succeeded"], counts["failed"], counts["total"], counts["running"]) == (2, 1, 3, 0)
    parents = client.list_executions(stateMachineArn=aws.outputs["MachineArn"])["executions"]
    assert not {child["executionArn"] for child in children} & {parent["executionArn"] for parent in parents}


def test_a_child_has_an_execution_of_its_own(aws: LocalAws, run_plan: Plan) -> None:
    """What a child takes for its run's id must come from the parent's input, here as on AWS."""
    history = run_plan([{"delegation": "a", "certificates": ["one"]}])

    (child,) = history["children"]
    given = json.loads(child["execution"]["input"])
    assert given["run"] == history["execution"]["name"]
    payloads = [json.loads(event["taskScheduledEventDetails"]["parameters"])["Payload"]
                for event in child["events"] if event["type"] == "TaskScheduled"]  # fmt: skip
    assert payloads[0]["execution"] == child["execution"]["executionArn"]


def test_pending_is_polled_by_retry_until_it_is_there(run_plan: Plan) -> None:
    """Waiting is the state machine's: with jitter, back-off and a longest delay."""
    (child,) = run_plan([{"delegation": "a", "certificates": ["pending-once-more"]}])["children"]

    types = [event["type"] for event in child["events"]]
    assert types.count("TaskFailed") == 2
    assert types.count("TaskSucceeded") == 1


def test_patience_ends(run_plan: Plan) -> None:
    """MaxAttempts 3 are four polls; then the error stands."""
    (child,) = run_plan([{"delegation": "a", "certificates": ["pending-for-ever"]}])["children"]

    assert child["execution"]["error"] == "OrderPending"
    assert [event["type"] for event in child["events"]].count("TaskScheduled") == 4


def test_catch_goes_by_the_class_of_the_exception(run_plan: Plan) -> None:
    """The names of our errors are the contract with the state machine."""
    (child,) = run_plan([{"delegation": "b", "certificates": ["declined", "two"]}])["children"]

    declined, two = json.loads(child["execution"]["output"])
    assert declined["outcome"] == "declined"
    assert declined["cause"]["errorType"] == "OrderDeclined"
    assert two["outcome"] == "stored"


def test_an_inner_map_keeps_to_its_concurrency(run_plan: Plan) -> None:
    """At most two calls at a time per SCM account."""
    (child,) = run_plan([{"delegation": "a", "certificates": [f"n{number}" for number in range(8)]}])["children"]

    running = most = 0
    for event in child["events"]:
        running += {"MapIterationStarted": 1, "MapIterationSucceeded": -1}.get(event["type"], 0)
        most = max(most, running)
    assert most == 2


def test_more_failures_than_tolerated_fail_the_map_by_name(run: Run) -> None:
    """Without a tolerance the first failed child is too many."""
    execution = run({"do": "strict", "items": [{"name": "a"}, {"name": "lost"}]})["execution"]

    assert (execution["status"], execution["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


@pytest.mark.parametrize(("failing", "status"), [(1, "SUCCEEDED"), (2, "FAILED")])
def test_a_share_of_failures_is_tolerated_and_no_more(run: Run, failing: int, status: str) -> None:
    """40 percent of three items are one."""
    items = [{"name": "lost" if number < failing else "fine"} for number in range(3)]

    assert run({"do": "tolerant", "items": items})["execution"]["status"] == status


@pytest.mark.parametrize(
    ("do", "error"),
    [
        pytest.param("slow", "Sandbox.Timedout", id="a function over its own time"),
        pytest.param("sleep", "States.Timeout", id="a task over the state's time"),
        pytest.param("broken", "Runtime.ImportModuleError", id="a function that cannot be imported"),
        pytest.param("missing", "States.Runtime", id="a path that selects nothing, which States.ALL does not catch"),
    ],
)
def test_errors_have_the_names_they_have_on_aws(run: Run, do: str, error: str) -> None:
    """Retry, Catch, ErrorPath and the alarm's page all go by the name."""
    execution = run({"do": do})["execution"]

    assert (execution["status"], execution["error"]) == ("FAILED", error)


def test_the_context_object_can_be_passed_on(run: Run) -> None:
    """A run's id and time come from it."""
    context = output(run({"do": "context"}))

    assert context["name"].startswith("run-")
    assert context["started"].endswith("Z")
