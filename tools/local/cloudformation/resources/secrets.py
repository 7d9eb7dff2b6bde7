"""KMS keys and Secrets Manager secrets."""

from __future__ import annotations

import json
from typing import Any

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack, tags


def key(properties: Properties, stack: Stack) -> Made:
    """Make a key; a symmetric key for encryption unless the template specifies another."""
    client = stack.client("kms")
    request = properties.some("Description", "KeySpec", "KeyUsage", "MultiRegion")
    kms_tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags(properties)]
    policy = json.dumps(properties.need("KeyPolicy"))
    made = client.create_key(Policy=policy, Tags=kms_tags, **request)["KeyMetadata"]
    if properties.take("EnableKeyRotation", default=False):
        client.enable_key_rotation(KeyId=made["KeyId"], **properties.some("RotationPeriodInDays"))
    return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def alias(properties: Properties, stack: Stack) -> Made:
    """Give a key another name."""
    request = properties.some("AliasName", "TargetKeyId")
    stack.client("kms").create_alias(**request)
    return Made(request["AliasName"])


def secret(properties: Properties, stack: Stack) -> Made:
    """Make a secret, with the value that the template gives or asks Secrets Manager to make up."""
    client = stack.client("secretsmanager")
    request = properties.some("Description", "KmsKeyId", "SecretString")
    generated = properties.take("GenerateSecretString")
    if generated is not None:
        request["SecretString"] = _generated(client, dict(generated))
    name = properties.take("Name", stack.physical(properties.logical_id))
    arn = client.create_secret(Name=name, Tags=tags(properties), **request)["ARN"]
    return Made(arn, {"Id": arn})


def _generated(client: Any, request: dict[str, Any]) -> str:
    member = request.pop("GenerateStringKey", None)
    text = request.pop("SecretStringTemplate", None)
    password: str = client.get_random_password(**request)["RandomPassword"]
    return password if member is None else json.dumps({**json.loads(text or "{}"), member: password})


MAKERS: dict[str, Maker] = {
    "AWS::KMS::Key": key,
    "AWS::KMS::Alias": alias,
    "AWS::SecretsManager::Secret": secret,
}
