"""The progress of a run, read from the history of its execution: one line for each change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from renewal.domain.due import Cause
from renewal.domain.errors import NEEDS_ATTENTION, OrderUnconfirmed, OrderUndecided

Event = Mapping[str, Any]

_CAUGHT = {"DelegationFailed", "NotOrdered", "NotStored"}


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """A change of one delegation or certificate."""

    at: datetime
    path: str
    """`delegation` or `delegation/certificate`."""
    text: str

    def __str__(self) -> str:
        """Return the line to print, with the local time."""
        return f"{self.at.astimezone().strftime('%H:%M:%S.%f')[:-5]}  {self.path:<34}  {self.text}"


@dataclass(slots=True)
class _Child:
    """How far one child execution has been read; `subjects` has the certificate of each event."""

    delegation: str
    read: int = 0
    subjects: dict[int, str] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    resumed: set[str] = field(default_factory=set)
    """Certificates with an open order of an earlier run: nothing is ordered for them."""


class ProgressReader:
    """Reads a growing history repeatedly and returns what is new."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}

    def changes(self, history: Mapping[str, Any]) -> list[ProgressLine]:
        """Return what has changed since the last call, oldest first."""
        every = [change for child in history["children"] for change in self._changes(child)]
        return sorted(every, key=lambda change: change.at)

    def _changes(self, child: Mapping[str, Any]) -> Iterator[ProgressLine]:
        execution = child["execution"]
        delegation = json.loads(execution["input"])["delegation"]
        known = self._children.setdefault(execution["executionArn"], _Child(delegation))
        for event in child["events"][known.read :]:
            subject = known.subjects[event["id"]] = _subject(event, known)
            text = _text(event, subject, known)
            if text:
                yield ProgressLine(datetime.fromisoformat(event["timestamp"]), subject, text)
        known.read = len(child["events"])


def _subject(event: Event, known: _Child) -> str:
    """Return the certificate in a state's input; a later event has the subject of its predecessor."""
    entered = event.get("stateEnteredEventDetails")
    if entered:
        certificate = json.loads(entered["input"]).get("certificate")
        return f"{known.delegation}/{certificate}" if certificate else known.delegation
    return known.subjects.get(event["previousEventId"], known.delegation)


def _text(event: Event, subject: str, known: _Child) -> str:
    if entered := event.get("stateEnteredEventDetails"):
        return _entered(entered, subject, known)
    if left := event.get("stateExitedEventDetails"):
        return _left(left, subject, known)
    if failed := event.get("taskFailedEventDetails"):
        known.failures[subject, failed["error"]] += 1
        return _failed(failed["error"], known.failures[subject, failed["error"]])
    return ""


def _entered(details: Mapping[str, Any], subject: str, known: _Child) -> str:
    if details["name"] == "Enroll":
        if Cause.ORDER_OPEN not in json.loads(details["input"])["causes"]:
            return "enrolling"
        known.resumed.add(subject)
        return "its order is still open"
    if details["name"] in _CAUGHT:
        return f"failed: {json.loads(details['input'])['error']['Error']}"
    return "inspecting" if details["name"] == "InspectDelegation" else ""


def _left(details: Mapping[str, Any], subject: str, known: _Child) -> str:
    output = json.loads(details.get("output", "{}"))
    if "error" in output:
        return ""  # it was caught: the next state reports it
    if details["name"] == "InspectDelegation":
        return f"inspected, {len(output['certificates'])} due"
    if details["name"] == "Enroll":
        if output["status"] != "ordered":
            return str(output["status"])
        return f"{'not ordered again' if subject in known.resumed else 'ordered'} (SSL ID {output['ssl_id']})"
    return str(output["status"]) if details["name"] == "Collect" else ""


def _failed(error: str, times: int) -> str:
    if error in NEEDS_ATTENTION:
        return ""  # never retried: the state that catches it reports it
    is_searched_for = error in {OrderUnconfirmed.__name__, OrderUndecided.__name__}
    return f"{'not confirmed; searching for the order' if is_searched_for else error} (attempt {times})"
