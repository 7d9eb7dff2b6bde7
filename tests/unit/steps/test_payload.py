"""What travels between the states: identifiers only, and nothing that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from renewal.domain.errors import PlanUnreadable
from renewal.steps.payload import DelegationTask, Progress, Task
from tests.unit.estate import NOW, System

TASK = Task("run", NOW, "univ", "idp", ("age", "asked"), forced=True, reason="laptop stolen")
ITEM = DelegationTask(
    "run",
    NOW,
    "univ",
    dry_run=True,
    whole=False,
    certificates=(TASK, replace(TASK, certificate="www")),
    follow_up=True,
    reason="laptop stolen",
)
PROGRESS = Progress("run", "univ", "idp", "t1", 5001, "ordered")


def test_payloads_survive_json() -> None:
    """What one function writes the next one reads."""
    assert Task.parse(TASK.payload()) == TASK
    assert DelegationTask.parse(ITEM.payload()) == ITEM
    assert Progress.parse(PROGRESS.payload()) == PROGRESS


def test_an_item_says_once_what_its_certificates_share() -> None:
    """The plan of 100,000 certificates is a file that somebody may have to read."""
    assert ITEM.payload()["certificates"][0] == {"certificate": "idp", "causes": ["age", "asked"], "forced": True}


@pytest.mark.parametrize(
    ("parse", "payload", "change", "fault"),
    [
        (Task.parse, TASK, {"run_id": ""}, "'run_id' must be a text"),
        (Task.parse, TASK, {"certificate": None}, "'certificate' must be a text"),
        (Task.parse, TASK, {"started_at": "yesterday"}, "'started_at' must be a moment in ISO 8601"),
        (Task.parse, TASK, {"started_at": "2026-11-23T08:00:00"}, "'started_at' must say its time zone"),
        (Task.parse, TASK, {"causes": "age"}, "'causes' must be a list"),
        (Task.parse, TASK, {"forced": "true"}, "'forced' must be true or false"),
        (Task.parse, TASK, {"reason": None}, "'reason' must be a text"),
        (DelegationTask.parse, ITEM, {"dry_run": 1}, "'dry_run' must be true or false"),
        (DelegationTask.parse, ITEM, {"whole": None}, "'whole' must be true or false"),
        (DelegationTask.parse, ITEM, {"certificates": {}}, "'certificates' must be a list"),
        (DelegationTask.parse, ITEM, {"certificates": ["idp"]}, "a plan item must be a JSON object"),
        (DelegationTask.parse, ITEM, {"certificates": [{}]}, "'certificate' must be a text"),
        (Progress.parse, PROGRESS, {"ssl_id": "5001"}, "'ssl_id' must be a whole number"),
        (Progress.parse, PROGRESS, {"ssl_id": True}, "'ssl_id' must be a whole number"),
        (Progress.parse, PROGRESS, {"token": 5}, "'token' must be a text"),
    ],
)
def test_a_payload_that_is_not_ours_is_named(
    parse: Callable[[object], object], payload: Any, change: dict[str, Any], fault: str
) -> None:
    """A plan by an older version, or by hand."""
    with pytest.raises(PlanUnreadable, match=fault):
        parse({**payload.payload(), **change})


@pytest.mark.parametrize("parse", [Task.parse, DelegationTask.parse, Progress.parse])
@pytest.mark.parametrize("event", [None, [], "run", 5])
def test_an_event_that_is_no_object_is_named(parse: Callable[[object], object], event: object) -> None:
    """A function that somebody invoked from the console."""
    with pytest.raises(PlanUnreadable, match="a plan item must be a JSON object"):
        parse(event)


def test_no_payload_carries_a_secret(system: System) -> None:
    """Step Functions keeps them for 90 days and EventBridge copies them."""
    system.check_expiry()
    inspected = system.inspect(system.plan()[0])
    progress = system.enroll(Task.parse(inspected["certificates"][0]))
    order = system.book.orders["univ", "idp"]
    written = str(
        [inspected, progress.payload(), *system.archive.documents.values(), system.collect(progress).payload()]
    )

    assert order.csr.splitlines()[1] not in written
    assert "BEGIN" not in written
    assert str(order.sealed_key) not in written
