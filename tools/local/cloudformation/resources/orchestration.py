"""State machines, and the schedules that start them."""

from __future__ import annotations

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
        "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State", "GroupName",
        "Description",
    )  # fmt: skip
    arn = stack.client("scheduler").create_schedule(Name=name, **request)["ScheduleArn"]
    return Made(name, {"Arn": arn})


def schedule_group(properties: Properties, stack: Stack) -> Made:
    """Make a group of schedules."""
    name = properties.take("Name", stack.physical(properties.logical_id))
    arn = stack.client("scheduler").create_schedule_group(Name=name, Tags=tags(properties))["ScheduleGroupArn"]
    return Made(name, {"Arn": arn})


def _definition(properties: Properties, stack: Stack) -> str:
    text = stack.artifacts[properties.need("DefinitionS3Location")["Key"]].decode("utf-8")
    return definition(properties.logical_id, text, properties.take("DefinitionSubstitutions", {}))


MAKERS: dict[str, Maker] = {
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}
