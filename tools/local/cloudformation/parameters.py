"""The values of a template's parameters, and of CloudFormation's pseudo parameters for the one local stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

ACCOUNT = "123456789012"  # moto's default account
REGION = "eu-west-3"
STACK_NAME = "certmandate"
ABSENT = object()  # what Ref AWS::NoValue gives: the property is not there at all

PSEUDO_PARAMETERS: Mapping[str, Any] = MappingProxyType(
    {
        "AWS::AccountId": ACCOUNT,
        "AWS::NoValue": ABSENT,
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/0a1b2c3d",
        "AWS::StackName": STACK_NAME,
        "AWS::URLSuffix": "amazonaws.com",
    }
)


class ParameterRefused(Exception):
    """CloudFormation would refuse the value of a parameter: the text names both."""


def parameter_values(body: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters' values: those given before the defaults; a list where the type is one.

    Raises ParameterRefused.
    """
    values: dict[str, Any] = {}
    for name, spec in body.get("Parameters", {}).items():
        value = given.get(name, spec.get("Default"))
        if value is None:
            message = f"the template's parameter {name} has no default: give it a value"
            raise ParameterRefused(message)
        if problem := _problem(str(value), spec):
            message = f"the template's parameter {name} is {value}, {problem}"
            raise ParameterRefused(message)
        is_list = spec.get("Type", "String").startswith(("CommaDelimitedList", "List<"))
        values[name] = [item for item in str(value).split(",") if item] if is_list else str(value)
    return values


def _problem(value: str, spec: Mapping[str, Any]) -> str:
    if "AllowedValues" in spec and value not in map(str, spec["AllowedValues"]):
        return f"not one of {', '.join(map(str, spec['AllowedValues']))}"
    if "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], value):
        return f"which {spec['AllowedPattern']} does not match"
    if "MinValue" in spec and float(value) < float(spec["MinValue"]):
        return f"below its least value {spec['MinValue']}"
    if "MaxValue" in spec and float(value) > float(spec["MaxValue"]):
        return f"above its greatest value {spec['MaxValue']}"
    return ""
