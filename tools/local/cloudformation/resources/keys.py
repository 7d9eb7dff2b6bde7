"""KMS keys."""

from __future__ import annotations

import json

from local.cloudformation.resources.properties import Properties
from local.cloudformation.resources.resource import Made, Maker, Stack


def key(properties: Properties, stack: Stack) -> Made:
    """Make a key."""
    client, request = stack.client("kms"), properties.some("Description", "KeySpec", "KeyUsage")
    made = client.create_key(Policy=json.dumps(properties.need("KeyPolicy")), **request)["KeyMetadata"]
    if properties.take("EnableKeyRotation", default=False):
        client.enable_key_rotation(KeyId=made["KeyId"])
    return Made(made["KeyId"], {"Arn": made["Arn"]})


MAKERS: dict[str, Maker] = {"AWS::KMS::Key": key}
