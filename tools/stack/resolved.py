"""A template with its intrinsic functions evaluated, for one stack in one account; nothing is created."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local.cloudformation.intrinsics import Intrinsics
from local.cloudformation.parameters import ABSENT, ACCOUNT, REGION, STACK_NAME
from local.cloudformation.template import load

IN_A_VPC: Mapping[str, str] = MappingProxyType(
    {"SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"}
)
"""The parameters of a stack whose functions use the registered address."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAMED_BY = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
_ARNS = {
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::LayerVersion": "arn:aws:lambda:{region}:{account}:layer:{name}:1",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_REF_IS_ARN = {
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource whose condition holds, with its properties evaluated."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    body: Mapping[str, Any]
    """As the template has it: DeletionPolicy and so on."""


class Stack:
    """A template of CloudFormation with parameters; SAM's macro is applied where the template names it.

    suffix: appended to generated names, as AWS does.
    names: names of existing resources, by logical id.
    """

    def __init__(
        self,
        template: Path,
        parameters: Mapping[str, str] = _NOTHING,
        *,
        suffix: str = "-A1B2C3D4E5F6",
        names: Mapping[str, str] = _NOTHING,
    ) -> None:
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM's transform needs a region
        self._body = load(template, parameters).body
        self._suffix, self._names = suffix, names
        self._intrinsics = Intrinsics(self._body, parameters, resource=self._ref, attribute=self._attribute)

    def resources(self, kind: str = "") -> Iterator[Resource]:
        """Yield the resources that exist, those of one type if *kind* names it."""
        for logical_id, body in self._body["Resources"].items():
            if kind in ("", body["Type"]) and self._intrinsics.holds(body):
                yield self.resource(logical_id)

    def resource(self, logical_id: str) -> Resource:
        """Return one resource."""
        body = self._body["Resources"][logical_id]
        return Resource(logical_id, body["Type"], self._intrinsics.value(body.get("Properties", {})), body)

    def arn(self, logical_id: str) -> str:
        """Return the ARN that a resource would have."""
        return self._attribute(logical_id, "Arn")

    def output(self, name: str) -> str:
        """Return the value of an output."""
        return str(self._intrinsics.value(self._body["Outputs"][name]["Value"]))

    def name(self, logical_id: str) -> str:
        """Return the name that a resource would have, with the suffix where AWS appends random characters."""
        if logical_id in self._names:
            return self._names[logical_id]
        body = self._body["Resources"][logical_id]
        property_name = _NAMED_BY.get(body["Type"], "Name")
        given = self._intrinsics.value(body.get("Properties", {}).get(property_name, ABSENT))
        if given is not ABSENT:
            return str(given)
        if body["Type"] == "AWS::KMS::Key":
            return f"00000000-0000-0000-0000-{logical_id.lower()}"
        made_up = f"{STACK_NAME}-{logical_id}{self._suffix}"
        return made_up.lower() if body["Type"] == "AWS::S3::Bucket" else made_up

    def policies(self, role: str) -> list[Mapping[str, Any]]:
        """Return the documents of a role's policies: its own, and those of the template that are attached to it."""
        properties, name = self.resource(role).properties, self.name(role)
        managed = {self.arn(policy.logical_id): policy for policy in self.resources("AWS::IAM::ManagedPolicy")}
        attached = [managed[arn].properties for arn in properties.get("ManagedPolicyArns", ())]
        apart = [
            policy.properties for policy in self.resources("AWS::IAM::Policy") if name in policy.properties["Roles"]
        ]
        return [policy["PolicyDocument"] for policy in [*properties.get("Policies", ()), *apart, *attached]]

    def _ref(self, name: str) -> str:
        kind = self._body["Resources"][name]["Type"]
        return self._attribute(name, "Arn") if kind in _REF_IS_ARN else self.name(name)

    def _attribute(self, logical_id: str, attribute: str) -> str:
        kind = self._body["Resources"][logical_id]["Type"]
        if attribute == "Arn":
            return _ARNS[kind].format(region=REGION, account=ACCOUNT, name=self.name(logical_id))
        if attribute.endswith("Name"):
            return self.name(logical_id)
        return f"{logical_id}.{attribute}"
