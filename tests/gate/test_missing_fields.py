"""Which reads of an optional field are sound, and which may find nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gate.asl.missing_fields import faults

TESTED = {"Variable": "$.made.note", "IsPresent": True}
ABSENT = {"Variable": "$.made.note", "IsPresent": False}
READS = {"Variable": "$.made.note", "StringEquals": "x"}

MAKE = {"Type": "Pass", "Result": {}, "ResultPath": "$.made", "Next": "Ask"}
NOTIFY = {"Type": "Pass", "Parameters": {"note.$": "$.made.note"}, "Next": "Done"}
DONE = {"Type": "Succeed"}


def machine(*choices: dict[str, Any], default: str = "Done") -> dict[str, Any]:
    """Return a machine that decides by *choices*, from which Notify (it reads the note) or Done is reached."""
    ask = {"Type": "Choice", "Choices": list(choices), "Default": default}
    return {"StartAt": "Make", "States": {"Make": MAKE, "Ask": ask, "Notify": NOTIFY, "Done": DONE}}


@pytest.mark.parametrize(
    "guarded",
    [
        pytest.param(machine({**TESTED, "Next": "Notify"}), id="past IsPresent true"),
        pytest.param(machine({**ABSENT, "Next": "Done"}, default="Notify"), id="past IsPresent false, by default"),
        pytest.param(machine({"Not": ABSENT, "Next": "Notify"}), id="past Not IsPresent false"),
        pytest.param(machine({"And": [TESTED, READS], "Next": "Notify"}), id="tested first in an And"),
        pytest.param(machine({"Or": [ABSENT, READS], "Next": "Done"}, default="Notify"), id="tested first in an Or"),
        pytest.param(
            machine({**ABSENT, "Next": "Done"}, {**READS, "Next": "Notify"}),
            id="an earlier choice took the absent ones",
        ),
    ],
)
def test_a_read_behind_its_test_is_sound(guarded: dict[str, Any]):
    """A guard can be written in all of these ways."""
    assert list(faults(guarded)) == []


@pytest.mark.parametrize(
    "unguarded",
    [
        pytest.param(machine({**TESTED, "Next": "Done"}, default="Notify"), id="on the wrong side"),
        pytest.param(machine({**TESTED, "Next": "Notify"}, default="Notify"), id="on both sides"),
        pytest.param(machine({"And": [READS, TESTED], "Next": "Notify"}), id="read before it is tested"),
        pytest.param(machine({"Or": [TESTED, READS], "Next": "Notify"}), id="read where the test failed"),
        pytest.param(
            machine({"Or": [TESTED, {**TESTED, "Variable": "$.made.x"}], "Next": "Notify"}), id="either of two"
        ),
        pytest.param(machine({"Not": TESTED, "Next": "Notify"}), id="past Not IsPresent true"),
    ],
)
def test_a_read_that_may_find_nothing_is_found(unguarded: dict[str, Any]):
    """On AWS each of these ends the run with States.Runtime, which nothing can catch."""
    assert any("$.made.note may be missing" in fault for fault in faults(unguarded))


def test_a_test_of_presence_holds_for_its_document_only():
    """Once a state has replaced the document, `$.made.note` is another field."""
    replaced = machine({**TESTED, "Next": "Fetch"}, default="Fetch")
    replaced["States"]["Fetch"] = {"Type": "Task", "Next": "Notify"}

    assert list(faults(replaced)) == []


def test_the_fields_that_a_map_selects_are_present():
    """The items of a Map have the fields that its ItemSelector names, and a Catch inside has only those."""
    collect = {
        "Type": "Task",
        "Catch": [{"Next": "Failed", "ResultPath": "$.error"}],
        "ResultPath": "$.order",
        "End": True,
    }
    failed = {
        "Type": "Pass",
        "Parameters": {"name.$": "$.name", "order.$": "$.order", "error.$": "$.error"},
        "End": True,
    }
    inside = {"StartAt": "Collect", "States": {"Collect": collect, "Failed": failed}}
    each = {
        "Type": "Map",
        "ItemSelector": {"name.$": "$$.Map.Item.Value"},
        "ItemProcessor": inside,
        "End": True,
    }

    (fault,) = faults({"StartAt": "Each", "States": {"Each": each}})

    assert fault.startswith("Each.Failed: reads $.order")


def test_a_loop_ends():
    """A machine that polls has a cycle; the analysis must still end."""
    poll = {"Type": "Task", "ResultPath": "$.made", "Next": "Ask"}
    looping = machine({**TESTED, "Next": "Notify"}, default="Poll")
    looping["States"]["Poll"] = poll

    assert list(faults(looping)) == []
