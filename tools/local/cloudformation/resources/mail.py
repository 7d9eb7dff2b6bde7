"""Amazon SES's configuration sets, and rules of EventBridge."""

from __future__ import annotations

import json

from local.cloudformation.parameters import ACCOUNT, REGION
from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack


def configuration_set(properties: Properties, stack: Stack) -> Made:
    """Make a configuration set."""
    name = properties.need("Name")
    request = properties.some("DeliveryOptions", "SuppressionOptions")
    stack.client("sesv2").create_configuration_set(ConfigurationSetName=name, **request)
    return Made(name)


def event_destination(properties: Properties, _stack: Stack) -> Made:
    """Name the destination; nothing bounces here (see `ignored`)."""
    return Made(f"{properties.need('ConfigurationSetName')}|{properties.logical_id}")


def rule(properties: Properties, stack: Stack) -> Made:
    """Make a rule on the default bus (moto keeps it, and no event of SES comes)."""
    events, name = stack.client("events"), properties.name("Name")
    pattern = json.dumps(properties.need("EventPattern"))
    events.put_rule(Name=name, EventPattern=pattern, **properties.some("Description"))
    events.put_targets(Rule=name, Targets=properties.need("Targets"))
    return Made(name, {"Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"})


MAKERS: dict[str, Maker] = {
    "AWS::SES::ConfigurationSet": configuration_set,
    "AWS::SES::ConfigurationSetEventDestination": event_destination,
    "AWS::Events::Rule": rule,
}
