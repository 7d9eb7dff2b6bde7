"""The alarms of template.yaml."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from campaign.alarms.evaluation import Alarm
from local.cloudformation.intrinsics import Intrinsics
from local.cloudformation.parameters import REGION
from local.cloudformation.template import load

TEMPLATE = Path(__file__).parents[3] / "template.yaml"


@functools.cache
def shipped_alarms() -> tuple[Alarm, ...]:
    """Return every alarm of a stack with the parameters' defaults."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM's transform needs a region
    body = load(TEMPLATE, {}).body
    intrinsics = Intrinsics(body, {}, resource=lambda name: name, attribute=lambda name, _: name)
    own = [resource for resource in body["Resources"].values() if resource["Type"] == "AWS::CloudWatch::Alarm"]
    return tuple(Alarm.of(intrinsics.value(resource["Properties"])) for resource in own if intrinsics.holds(resource))
