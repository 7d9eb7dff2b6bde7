"""IAM roles and policies (moto keeps them and does not enforce them)."""

from __future__ import annotations

import json
from typing import Any

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack


def role(properties: Properties, stack: Stack) -> Made:
    """Make a role with its own policies; AWS's managed policies are named, not attached: moto has none."""
    client, name = stack.client("iam"), properties.name("RoleName")
    trust = json.dumps(properties.need("AssumeRolePolicyDocument"))
    request = properties.some("Description", "PermissionsBoundary", "Tags")
    made = client.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **request)["Role"]
    for policy in properties.take("Policies", []):
        client.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=_document(policy))
    for arn in properties.take("ManagedPolicyArns", []):
        if ":iam::aws:" not in arn:
            client.attach_role_policy(RoleName=name, PolicyArn=arn)
    return Made(name, {"Arn": made["Arn"]})


def policy(properties: Properties, stack: Stack) -> Made:
    """Attach an inline policy to roles."""
    name, document = properties.need("PolicyName"), _document(properties.some("PolicyDocument"))
    for role_name in properties.take("Roles", []):
        stack.client("iam").put_role_policy(RoleName=role_name, PolicyName=name, PolicyDocument=document)
    return Made(name)


def managed_policy(properties: Properties, stack: Stack) -> Made:
    """Make a policy of its own; roles name it."""
    name, document = properties.name("ManagedPolicyName"), _document(properties.some("PolicyDocument"))
    made = stack.client("iam").create_policy(PolicyName=name, PolicyDocument=document, **properties.some("Description"))
    return Made(made["Policy"]["Arn"])


def _document(policy: dict[str, Any]) -> str:
    """Return a policy's text; moto requires a Version, which SAM's policy templates leave out."""
    return json.dumps({"Version": "2012-10-17", **policy["PolicyDocument"]})


MAKERS: dict[str, Maker] = {
    "AWS::IAM::Role": role,
    "AWS::IAM::Policy": policy,
    "AWS::IAM::ManagedPolicy": managed_policy,
}
