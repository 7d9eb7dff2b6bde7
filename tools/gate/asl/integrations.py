"""The services that a Task, an ItemReader or a ResultWriter may call.

An SDK integration is compared with botocore's models; the optimised integrations that this project may use are
listed here. (AWS: step-functions/latest/dg/integrate-services.html)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError

from gate.asl.state_machine import State, every_state

OPTIMISED = {
    "dynamodb": {"deleteItem", "getItem", "putItem", "updateItem"},
    "events": {"putEvents"},
    "http": {"invoke"},
    "lambda": {"invoke"},
    "sns": {"publish"},
    "sqs": {"sendMessage"},
    "states": {"startExecution"},
}
READERS = {"s3:getObject", "s3:listObjectsV2"}
WRITERS = {"s3:putObject"}

_INTEGRATION = re.compile(r"arn:[^:]*:states:::(?P<name>[^.]+)(?P<pattern>\.(sync(:2)?|waitForTaskToken))?$")
_SDK_NAMES = {"sfn": "stepfunctions", "eventbridge": "events"}  # Step Functions' name: botocore's


def faults(machine: Mapping[str, Any]) -> Iterator[str]:
    """Yield every `Resource` that Step Functions cannot call."""
    for state in every_state(machine):
        for where, resource, known in _resources(state):
            if not known(resource):
                yield f"{state.path}: {where}: there is no integration {resource}"


def _resources(state: State) -> Iterator[tuple[str, str, Any]]:
    body = state.body
    if state.type == "Task":
        yield "Resource", str(body.get("Resource")), _callable
    if "ItemReader" in body:
        yield "ItemReader", str(body["ItemReader"].get("Resource")), lambda arn: _name(arn) in READERS
    if "ResultWriter" in body:
        yield "ResultWriter", str(body["ResultWriter"].get("Resource")), lambda arn: _name(arn) in WRITERS


def _name(resource: str) -> str:
    match = _INTEGRATION.match(resource)
    return match["name"] if match else ""


def _callable(resource: str) -> bool:
    """Return whether a Task may name *resource*; a placeholder or a function's ARN is CloudFormation's."""
    if resource.startswith("${") or ":lambda:" in resource.split(":states:::", maxsplit=1)[0]:
        return True
    service, _, action = _name(resource).partition(":")
    if service == "aws-sdk":
        return _in_sdk(*action.split(":", maxsplit=1))
    return action in OPTIMISED.get(service, ())


def _in_sdk(service: str, action: str = "") -> bool:
    session = botocore.session.get_session()
    try:
        model = session.get_service_model(_SDK_NAMES.get(service, service))
    except UnknownServiceError:
        return False
    return action[:1].islower() and action[:1].upper() + action[1:] in model.operation_names
