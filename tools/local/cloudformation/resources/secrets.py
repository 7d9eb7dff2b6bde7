"""KMS keys and Secrets Manager secrets."""

from __future__ import annotations

import json

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack, tags


def key(properties: Properties, stack: Stack) -> Made:
    """Make a key."""
    client, request = stack.client("kms"), properties.some("Description", "KeySpec", "KeyUsage")
    kms_tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags(properties)]
    policy = json.dumps(properties.need("KeyPolicy"))
    made = client.create_key(Policy=policy, Tags=kms_tags, **request)["KeyMetadata"]
    if properties.take("EnableKeyRotation", default=False):
        client.enable_key_rotation(KeyId=made["KeyId"])
    return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def secret(properties: Properties, stack: Stack) -> Made:
    """Make a secret with the value that the template gives."""
    request = properties.some("Description", "SecretString", "KmsKeyId")
    name = properties.take("Name", stack.physical(properties.logical_id))
    arn = stack.client("secretsmanager").create_secret(Name=name, Tags=tags(properties), **request)["ARN"]
    return Made(arn, {"Id": arn})


MAKERS: dict[str, Maker] = {
    "AWS::KMS::Key": key,
    "AWS::SecretsManager::Secret": secret,
}
