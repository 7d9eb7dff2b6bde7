"""The boundaries of the campaign's healthy runs, each recorded once in a process."""

from __future__ import annotations

from campaign.cases import record
from campaign.harness import Harness
from campaign.interception.calls import Boundary
from campaign.scenarios import Scenario

_RECORDED: dict[str, list[Boundary]] = {}


def recorded(harness: Harness, scenario: Scenario) -> list[Boundary]:
    """Return the boundaries of the scenario's healthy run; the harness may be in any state before and after."""
    if scenario.name not in _RECORDED:
        _RECORDED[scenario.name] = record(harness, scenario)
    return _RECORDED[scenario.name]
