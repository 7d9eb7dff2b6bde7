"""Makes the resources of a template through the service APIs, in the order of their references."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.cloudformation.intrinsics import ABSENT, Intrinsics, UnknownIntrinsic
from local.cloudformation.resources import functions, notifications, orchestration, permissions, secrets, storage
from local.cloudformation.resources.properties import NotProvisioned, Properties
from local.cloudformation.resources.resource import Made, Maker
from local.cloudformation.template import Template

STACK_NAME = "certmandate"
ACCOUNT = "123456789012"  # moto's default account

MAKERS: Mapping[str, Maker] = {
    **functions.MAKERS,
    **notifications.MAKERS,
    **orchestration.MAKERS,
    **permissions.MAKERS,
    **secrets.MAKERS,
    **storage.MAKERS,
}


class Provisioner:
    """One stack: its template, its parameters and the resources made so far."""

    def __init__(
        self, template: Template, parameters: Mapping[str, str], client: Callable[[str], Any], region: str
    ) -> None:
        self.region = region
        self.account = ACCOUNT
        self.artifacts = template.artifacts
        self.made: dict[str, Made] = {}
        self._client = client
        self._body = template.body
        self._parameters = _parameters(template.body, parameters)
        self._being_made: list[str] = []
        self._intrinsics = Intrinsics(
            conditions=template.body.get("Conditions", {}),
            ref=self._ref,
            attribute=self._attribute,
        )

    def client(self, service: str) -> Any:
        """Return the operator's client of a service."""
        return self._client(service)

    def physical(self, logical_id: str) -> str:
        """Name a resource as CloudFormation does, without the random end."""
        return f"{STACK_NAME}-{logical_id}"

    def create(self) -> dict[str, str]:
        """Make every resource whose condition holds; return the stack's outputs."""
        for logical_id, resource in self._body["Resources"].items():
            if self._holds(resource):
                self._make(logical_id)
        outputs = self._body.get("Outputs", {})
        return {
            name: str(self._intrinsics.value(output["Value"]))
            for name, output in outputs.items()
            if self._holds(output)
        }

    def physical_names(self, resource_type: str) -> dict[str, str]:
        """Return what Ref gives for each resource of a type, by logical id."""
        types = {name: resource["Type"] for name, resource in self._body["Resources"].items()}
        return {name: made.ref for name, made in self.made.items() if types[name] == resource_type}

    def _holds(self, item: Mapping[str, Any]) -> bool:
        return "Condition" not in item or self._intrinsics.condition(item["Condition"])

    def _make(self, logical_id: str) -> Made:
        if logical_id in self.made:
            return self.made[logical_id]
        if logical_id in self._being_made:
            circle = " -> ".join([*self._being_made, logical_id])
            message = f"the resources refer to each other in a circle: {circle}"
            raise NotProvisioned(message)
        self._being_made.append(logical_id)
        self.made[logical_id] = self._made(logical_id, self._body["Resources"][logical_id])
        self._being_made.pop()
        return self.made[logical_id]

    def _made(self, logical_id: str, resource: Mapping[str, Any]) -> Made:
        maker = MAKERS.get(resource["Type"])
        if maker is None:
            message = f"{logical_id}: {resource['Type']} has no local provisioner: add it to cloudformation/resources"
            raise NotProvisioned(message)
        depends = resource.get("DependsOn", [])
        for other in [depends] if isinstance(depends, str) else depends:
            if self._holds(self._body["Resources"][other]):
                self._make(other)
        properties = Properties(logical_id, resource["Type"], self._intrinsics.value(resource.get("Properties", {})))
        try:
            made = maker(properties, self)
        except (BotoCoreError, ClientError) as refused:
            message = f"{logical_id} ({resource['Type']}): {refused}"
            raise NotProvisioned(message) from refused
        properties.finish()
        return made

    def _ref(self, name: str) -> Any:
        pseudo = _pseudo_parameters(self.region)
        if name in pseudo:
            return pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._resource(name).ref

    def _attribute(self, logical_id: str, attribute: str) -> str:
        made = self._resource(logical_id)
        if attribute not in made.attributes:
            message = f"{logical_id} has no attribute {attribute} here; it has {', '.join(sorted(made.attributes))}"
            raise UnknownIntrinsic(message)
        return made.attributes[attribute]

    def _resource(self, name: str) -> Made:
        resource = self._body["Resources"].get(name)
        if resource is None:
            message = f"the template refers to {name}, which is neither a parameter nor a resource"
            raise UnknownIntrinsic(message)
        if not self._holds(resource):
            message = f"the template refers to {name}, whose condition {resource['Condition']} does not hold"
            raise UnknownIntrinsic(message)
        return self._make(name)


def _parameters(body: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters' values: those given before the defaults; a list where the type is one."""
    values: dict[str, Any] = {}
    for name, spec in body.get("Parameters", {}).items():
        value = given.get(name, spec.get("Default"))
        if value is None:
            message = f"the template's parameter {name} has no default: give it a value"
            raise NotProvisioned(message)
        _check_limits(name, str(value), spec)
        is_list = spec.get("Type", "String").startswith(("CommaDelimitedList", "List<"))
        values[name] = [item for item in str(value).split(",") if item] if is_list else str(value)
    return values


def _check_limits(name: str, value: str, spec: Mapping[str, Any]) -> None:
    """Refuse a value that CloudFormation would refuse."""
    problem = ""
    if "AllowedValues" in spec and value not in map(str, spec["AllowedValues"]):
        problem = f"not one of {', '.join(map(str, spec['AllowedValues']))}"
    elif "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], value):
        problem = f"which {spec['AllowedPattern']} does not match"
    elif "MinValue" in spec and float(value) < float(spec["MinValue"]):
        problem = f"below its least value {spec['MinValue']}"
    elif "MaxValue" in spec and float(value) > float(spec["MaxValue"]):
        problem = f"above its greatest value {spec['MaxValue']}"
    if problem:
        message = f"the template's parameter {name} is {value}, {problem}"
        raise NotProvisioned(message)


def _pseudo_parameters(region: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::NoValue": ABSENT,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{STACK_NAME}/local",
        "AWS::StackName": STACK_NAME,
        "AWS::URLSuffix": "amazonaws.com",
    }
