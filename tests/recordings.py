"""The boundaries of the campaign's healthy runs, each recorded once in a process: they are the same on every stage."""

from __future__ import annotations

from campaign.cases import record
from campaign.scenarios import Scenario
from campaign.stage import Stage
from campaign.wire import Boundary

_KNOWN: dict[str, list[Boundary]] = {}


def recorded(stage: Stage, scenario: Scenario) -> list[Boundary]:
    """The boundaries of the scenario's healthy run. The stage may stand where that run has ended, or anywhere else."""
    if scenario.name not in _KNOWN:
        _KNOWN[scenario.name] = record(stage, scenario)
    return _KNOWN[scenario.name]
