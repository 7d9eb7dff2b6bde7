"""What the tests of the local AWS share: the toy application, and certificates of a throw-away CA."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import LocalAws

TOY = Path(__file__).parent / "toy" / "template.yaml"

Run = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """Serve the toy application."""
    with LocalAws(TOY, parameters={"Greeting": "bonjour"}, function_environment={"ONLY_HERE": "yes"}) as served:
        yield served


@pytest.fixture
def run(aws: LocalAws) -> Run:
    """Return a function that runs the toy state machine to its end and gives the history."""
    return lambda given: aws.run(aws.outputs["MachineArn"], given, timeout_seconds=30)


@pytest.fixture
def run_plan(aws: LocalAws, run: Run) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Return a function that runs a plan through the Distributed Map and gives the history."""

    def planned(plan: list[dict[str, Any]]) -> dict[str, Any]:
        folder = f"runs/{uuid.uuid4()}"
        bucket = aws.outputs["BucketName"]
        aws.client("s3").put_object(Bucket=bucket, Key=f"{folder}/plan.json", Body=json.dumps(plan))
        return run({"do": "plan", "plan": f"{folder}/plan.json", "results": f"{folder}/results"})

    return planned
