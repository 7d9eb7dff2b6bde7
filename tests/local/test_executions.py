"""Histories are read while executions grow."""

from __future__ import annotations

from typing import Any

import pytest
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local import executions


class NewChild:
    """An execution of a Distributed Map as it is until its thread has begun: moto has no status for it."""

    map_run_arn = "arn:aws:states:eu-west-3:123456789012:mapRun:machine/map:run"
    exec_worker = None
    status: str | None = None

    def to_describe_output(self) -> dict[str, Any]:
        return {"name": "child", "status": self.status}


def test_a_child_that_has_not_begun_is_no_ended_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a run that starts many children meets some before they run."""
    child = NewChild()
    monkeypatch.setattr(StepFunctionsParserBackend, "describe_execution", lambda *_: child)

    before = executions.history("arn")
    child.status = "SUCCEEDED"
    after = executions.history("arn")

    assert (before["execution"].get("status"), after["execution"]["status"]) == (None, "SUCCEEDED")
