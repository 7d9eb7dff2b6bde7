"""State machines, and the schedules that start them."""

from __future__ import annotations

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack
from local.cloudformation.template import definition


def state_machine(properties: Properties, stack: Stack) -> Made:
    """Make a state machine from its definition, in a file beside the template."""
    tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.take("Tags", [])]
    made = stack.client("stepfunctions").create_state_machine(
        name=properties.name("StateMachineName"),
        definition=_definition(properties, stack),
        roleArn=properties.need("RoleArn"),
        type=properties.take("StateMachineType", "STANDARD"),
        tags=tags,
    )
    return Made(made["stateMachineArn"])


def schedule(properties: Properties, stack: Stack) -> Made:
    """Make a schedule (moto keeps it and never starts its target)."""
    name = properties.name("Name")
    request = properties.some(
        "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State", "GroupName",
        "Description",
    )  # fmt: skip
    stack.client("scheduler").create_schedule(Name=name, **request)
    return Made(name)


def schedule_group(properties: Properties, stack: Stack) -> Made:
    """Make a group of schedules."""
    name = properties.name("Name")
    stack.client("scheduler").create_schedule_group(Name=name)
    return Made(name)


def _definition(properties: Properties, stack: Stack) -> str:
    text = stack.artifacts[properties.need("DefinitionS3Location")["Key"]].decode("utf-8")
    return definition(properties.logical_id, text, properties.take("DefinitionSubstitutions", {}))


MAKERS: dict[str, Maker] = {
    "AWS::StepFunctions::StateMachine": state_machine,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}
