"""The services that a state may call: those that the state machine uses.

A call that Step Functions does not have would fail at run time only.
(AWS: step-functions/latest/dg/integrate-services.html)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gate.asl.state_machine import State, every_state

KNOWN = {"Task": {"lambda:invoke"}, "ItemReader": {"s3:getObject"}, "ResultWriter": {"s3:putObject"}}
"""By what calls it; before another one is added, look it up on AWS's page."""


def faults(machine: Mapping[str, Any]) -> Iterator[str]:
    """Yield every `Resource` that is in no list."""
    for state in every_state(machine):
        for caller, body in _callers(state):
            if (resource := str(body.get("Resource"))).removeprefix("arn:aws:states:::") not in KNOWN[caller]:
                yield f"{state.path}: {caller}: {resource} is not among the integrations in use ({__name__})"


def _callers(state: State) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if state.type == "Task":
        yield "Task", state.body
    yield from ((name, state.body[name]) for name in ("ItemReader", "ResultWriter") if name in state.body)
