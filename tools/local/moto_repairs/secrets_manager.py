"""Secrets Manager's rotation."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from local.moto_repairs.repairs import Repairs, Replacements


def secrets_rotate_as_on_aws(_: Repairs) -> Replacements:
    """Rotate a secret as Secrets Manager does.

    Input: RotateSecret twice, without RotationLambdaARN; a rotation whose step fails.
    moto: does not store the function and makes an empty version current; continues after a failed step, so that
        finishSecret promotes a password that was never set; refuses the second rotation; keeps the version of the
        test of a new configuration.
    AWS: the four steps until one fails, with the stored function (Secrets Manager, "Rotation by Lambda function";
        API reference, RotateSecret).
    """
    from moto.secretsmanager.models import SecretsManagerBackend

    yield patch.object(SecretsManagerBackend, "rotate_secret", _rotate_secret)


def _rotate_secret(
    backend: Any,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: Mapping[str, Any] | None = None,
    rotate_immediately: bool = True,
) -> str:
    from moto.secretsmanager import exceptions

    secret = backend.secrets.get(secret_id)
    if secret is None:
        raise exceptions.SecretNotFoundException
    secret.rotation_lambda_arn = rotation_lambda_arn or secret.rotation_lambda_arn
    if secret.is_deleted() or not secret.rotation_lambda_arn:
        message = "The secret is scheduled for deletion, or has no Lambda function ARN configured for its rotation."
        raise exceptions.InvalidRequestException(message)
    if rotation_rules:
        secret.auto_rotate_after_days = rotation_rules["AutomaticallyAfterDays"]
        secret.next_rotation_date = _rotation_after(secret)
    secret.rotation_requested = secret.rotation_enabled = True
    if unfinished := _pending(secret):
        _rotate(backend, secret, unfinished)
        message = "A previous rotation isn't complete. That rotation will be reattempted."
        raise exceptions.InvalidRequestException(message)
    token = client_request_token or str(uuid.uuid4())
    secret.remove_version_stages_from_old_versions(["AWSPENDING"])
    secret.versions[token] = {"createdate": int(time.time()), "version_id": token, "version_stages": ["AWSPENDING"]}
    if rotate_immediately:
        _rotate(backend, secret, token)
    else:
        secret.versions[token]["secret_string"] = secret.versions[secret.default_version_id].get("secret_string")
        _rotation_step(backend, secret, token, "testSecret")
        del secret.versions[token]
    answer: str = secret.to_short_dict(version_id=token)
    return answer


def _rotate(backend: Any, secret: Any, token: str) -> None:
    """Take the four steps until one fails; Secrets Manager would try again a while later."""
    steps = ("createSecret", "setSecret", "testSecret", "finishSecret")
    if all(_rotation_step(backend, secret, token, step) for step in steps):
        secret.last_rotation_date = int(time.time())
        secret.next_rotation_date = _rotation_after(secret)
    current = [name for name, version in secret.versions.items() if "AWSCURRENT" in version["version_stages"]]
    secret.set_default_version_id(*current)  # moto's own does not follow the label


def _rotation_step(backend: Any, secret: Any, token: str, step: str) -> bool:
    from moto.awslambda.utils import get_backend

    event = json.dumps({"Step": step, "SecretId": secret.arn, "ClientRequestToken": token})
    headers: dict[str, Any] = {}
    get_backend(backend.account_id, backend.region_name).invoke(
        secret.rotation_lambda_arn, qualifier=None, body=event, headers={}, response_headers=headers
    )
    return "x-amz-function-error" not in headers


def _rotation_after(secret: Any) -> int:
    return int(time.time()) + int(secret.auto_rotate_after_days) * 86_400


def _pending(secret: Any) -> str:
    """The version of a rotation that has not ended; "" when there is none."""
    for name, version in secret.versions.items():
        if "AWSPENDING" in version["version_stages"] and "AWSCURRENT" not in version["version_stages"]:
            return str(name)
    return ""
