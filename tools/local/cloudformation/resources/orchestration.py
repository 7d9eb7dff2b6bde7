"""State machines, and what starts them: schedules and rules."""

from __future__ import annotations

import json

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack, lower, tags
from local.cloudformation.template import definition


def state_machine(properties: Properties, stack: Stack) -> Made:
    """Make a state machine from its definition, in a file beside the template."""
    name = properties.take("StateMachineName", stack.physical(properties.logical_id))
    request = {
        "name": name,
        "definition": _definition(properties, stack),
        "roleArn": properties.need("RoleArn"),
        "type": properties.take("StateMachineType", "STANDARD"),
        "tags": lower(tags(properties)),
    }
    arn = stack.client("stepfunctions").create_state_machine(**request)["stateMachineArn"]
    return Made(arn, {"Arn": arn, "Name": name})


def schedule(properties: Properties, stack: Stack) -> Made:
    """Make a schedule (moto keeps it and never starts its target)."""
    name = properties.take("Name", stack.physical(properties.logical_id))
    request = properties.some(
        "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State",
        "GroupName", "Description", "KmsKeyArn", "StartDate", "EndDate",
    )  # fmt: skip
    arn = stack.client("scheduler").create_schedule(Name=name, **request)["ScheduleArn"]
    return Made(name, {"Arn": arn})


def schedule_group(properties: Properties, stack: Stack) -> Made:
    """Make a group of schedules."""
    name = properties.take("Name", stack.physical(properties.logical_id))
    arn = stack.client("scheduler").create_schedule_group(Name=name, Tags=tags(properties))["ScheduleGroupArn"]
    return Made(name, {"Arn": arn})


def event_bus(properties: Properties, stack: Stack) -> Made:
    """Make an event bus."""
    request = properties.some("Name", "Description", "KmsKeyIdentifier")
    arn = stack.client("events").create_event_bus(Tags=tags(properties), **request)["EventBusArn"]
    return Made(request["Name"], {"Arn": arn, "Name": request["Name"]})


def rule(properties: Properties, stack: Stack) -> Made:
    """Make a rule and its targets."""
    client, name = stack.client("events"), properties.take("Name", stack.physical(properties.logical_id))
    request = properties.some("Description", "ScheduleExpression", "State", "EventBusName", "RoleArn")
    pattern = properties.take("EventPattern")
    if pattern is not None:
        request["EventPattern"] = json.dumps(pattern)
    arn = client.put_rule(Name=name, Tags=tags(properties), **request)["RuleArn"]
    bus = {"EventBusName": request["EventBusName"]} if "EventBusName" in request else {}
    targets = properties.take("Targets", [])
    if targets:
        client.put_targets(Rule=name, Targets=targets, **bus)
    return Made(name, {"Arn": arn})


def _definition(properties: Properties, stack: Stack) -> str:
    text = stack.artifacts[properties.need("DefinitionS3Location")["Key"]].decode("utf-8")
    return definition(properties.logical_id, text, properties.take("DefinitionSubstitutions", {}))


MAKERS: dict[str, Maker] = {
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
    "AWS::Events::EventBus": event_bus,
    "AWS::Events::Rule": rule,
}
