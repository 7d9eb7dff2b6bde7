from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from gate.asl.state_machine import parsed
from stack.resolved import IN_A_VPC, Resource, Stack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack as it is deployed: its functions in a VPC."""
    return Stack(ROOT / "template.yaml", IN_A_VPC)


@pytest.fixture(scope="session")
def alarms(stack: Stack) -> dict[str, Resource]:
    """Every alarm by its logical id."""
    return {alarm.logical_id: alarm for alarm in stack.resources("AWS::CloudWatch::Alarm")}


@pytest.fixture(scope="session")
def network() -> Stack:
    """The network stack with its defaults."""
    return Stack(ROOT / "infra" / "network.yaml")


@pytest.fixture(scope="session")
def machine() -> dict[str, Any]:
    """The state machine's definition."""
    definition = parsed((ROOT / "infra" / "renewal.asl.yaml").read_text(encoding="utf-8"))
    assert json.dumps(definition)
    return definition


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """template.yaml as it stands."""
    return dict(yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8")))
