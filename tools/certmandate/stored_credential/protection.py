"""What protects a stored credential: the stack's key, and a resource policy that names who reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certmandate.deployment import Deployment
from certmandate.exit import Refused
from certmandate.files.credential_policy import credential_policy


def key_of(deployment: Deployment) -> str:
    """Return the ARN of the key that encrypts the stack's credentials."""
    return deployment.fact("CredentialKeyArn")


def protect(deployment: Deployment, delegation: str) -> None:
    """Set what a stored credential lacks of the stack's key and the resource policy.

    The value stays as it is. Raises Refused when there is no such secret.
    """
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    missing = unprotected(deployment, delegation)
    if "key" in missing:
        client.update_secret(SecretId=name, KmsKeyId=key_of(deployment))
    if "policy" in missing:
        client.put_resource_policy(SecretId=name, ResourcePolicy=_policy(deployment), BlockPublicPolicy=True)


def described_secret(deployment: Deployment, delegation: str) -> Mapping[str, Any]:
    """Return Secrets Manager's description of a stored credential. Raises Refused when there is no such secret."""
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    try:
        described: Mapping[str, Any] = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        msg = f"{name} does not exist: store the credential first with certmandate credential {delegation}"
        raise Refused(msg) from None
    return described


def unprotected(deployment: Deployment, delegation: str) -> tuple[str, ...]:
    """Return what a stored credential lacks: `key`, `policy`. Raises Refused when there is no such secret."""
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    described = described_secret(deployment, delegation)
    policy = client.get_resource_policy(SecretId=name).get("ResourcePolicy") or "null"
    is_ours = {
        "key": described.get("KmsKeyId") == key_of(deployment),
        "policy": json.loads(policy) == json.loads(_policy(deployment)),
    }
    return tuple(part for part, fits in is_ours.items() if not fits)


def _policy(deployment: Deployment) -> str:
    operators = deployment.facts.get("OperatorsRole")
    return credential_policy([*deployment.fact("CredentialReaders").split(","), *([operators] if operators else [])])
