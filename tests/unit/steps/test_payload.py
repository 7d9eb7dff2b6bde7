"""What travels between the states: identifiers only, and nothing that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from renewal.domain.errors import PlanUnreadable
from renewal.domain.run.payload import DelegationTask, Progress, Task
from tests.unit.system import NOW, System

TASK = Task("run", NOW, "univ", "idp", ("age", "asked"), reason="laptop stolen")
ITEM = DelegationTask(
    "run",
    NOW,
    "univ",
    dry_run=True,
    may_add=False,
    certificates=(TASK, replace(TASK, certificate="www")),
    is_hourly=True,
    reason="laptop stolen",
    issued=(TASK,),
)
PROGRESS = Progress("run", "univ", "idp", "t1", 5001, "ordered")


def test_payloads_survive_json() -> None:
    """What one function writes the next one reads."""
    assert Task.parse(TASK.payload()) == TASK
    assert DelegationTask.parse(ITEM.payload()) == ITEM
    assert Progress.parse(PROGRESS.payload()) == PROGRESS


def test_what_certificates_share_is_written_once_in_a_plan_item() -> None:
    """The plan of 100,000 certificates is a file that an operator may have to read."""
    own = {"certificate": "idp", "causes": ["age", "asked"]}
    assert ITEM.payload()["certificates"][0] == own


@pytest.mark.parametrize(
    ("parse", "payload", "change", "fault"),
    [
        (Task.parse, TASK, {"certificate": None}, "'certificate' is missing"),
        (Task.parse, TASK, {"started_at": "yesterday"}, "'started_at' is not"),
        (Task.parse, TASK, {"causes": "age"}, "'causes' is not"),
        (DelegationTask.parse, ITEM, {"follow_up": "true"}, "'follow_up' is not"),
        (DelegationTask.parse, ITEM, {"whole": None}, "'whole' is missing"),
        (DelegationTask.parse, ITEM, {"certificates": {}}, "'certificates' is a dict, not a list"),
        (DelegationTask.parse, ITEM, {"certificates": ["idp"]}, "is a str, not a JSON object"),
        (DelegationTask.parse, ITEM, {"certificates": [{}]}, "'certificate' is missing"),
        (Progress.parse, PROGRESS, {"ssl_id": True}, "'ssl_id' is not"),
    ],
)
def test_a_payload_of_another_form_is_reported_with_its_member(
    parse: Callable[[object], object], payload: Any, change: dict[str, Any], fault: str
) -> None:
    """An older version, or an operator, may have written the plan."""
    with pytest.raises(PlanUnreadable, match=fault):
        parse({**payload.payload(), **change})


@pytest.mark.parametrize("event", [None, [], "run", 5])
def test_an_event_that_is_no_object_is_reported(event: object) -> None:
    """An operator may invoke a function from the console."""
    with pytest.raises(PlanUnreadable, match="not a JSON object"):
        Task.parse(event)


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
