"""The rotation of an account's password by Secrets Manager: scheduled, or now."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Console

from certmandate.deployment import Deployment
from certmandate.exit import Refused, Stopped, aws_sentence
from certmandate.stored_credential.protection import described_secret
from renewal.adapters.redaction import redacted_of_aws

ROTATION_OUTPUT = "RotatePasswordFunctionArn"
KIND_TAG = "certmandate:credential"
"""`password` or `client`."""
ROTATE_EVERY_DAYS = 60
"""The default: most customers' passwords are valid for 90 days."""
LONGEST_ROTATION = 180.0
"""Seconds that the command waits; the function itself may take 120."""
_SECONDS_BETWEEN_QUERIES = 2.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """A rotated password."""

    secret: str
    every_days: int
    next_until: date | None
    """The last day of the next rotation."""


def schedule_rotation(deployment: Deployment, delegation: str, days: int | None = None) -> int | None:
    """Schedule the rotation of the password every *days*; return the days, None when the stack cannot rotate.

    Without *days*: the interval that is set, or ROTATE_EVERY_DAYS. Secrets Manager tests the function immediately with
    one login. Raises Stopped.
    """
    from botocore.exceptions import ClientError

    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    function = deployment.facts.get(ROTATION_OUTPUT)
    if not function:
        return None
    every = days or _interval(client.describe_secret(SecretId=name))
    rules = {"AutomaticallyAfterDays": every}
    try:
        client.rotate_secret(SecretId=name, RotationLambdaARN=function, RotationRules=rules, RotateImmediately=False)
    except ClientError as error:
        again = f"certmandate credential {delegation} --rotate"
        msg = f"{name} is stored, but its rotation is not scheduled: {aws_sentence(error)} Later, run {again}"
        raise Stopped(msg) from None
    return every


def stop_rotation(deployment: Deployment, delegation: str) -> None:
    """Cancel the scheduled rotation. Harmless when there is none."""
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    if client.describe_secret(SecretId=name).get("RotationEnabled"):
        client.cancel_rotate_secret(SecretId=name)


def withdraw_pending(deployment: Deployment, delegation: str) -> None:
    """Remove the label of the password that an unfinished rotation has stored: it was made for another credential."""
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    versions: Mapping[str, list[str]] = client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
    for version, labels in versions.items():
        if "AWSPENDING" in labels and "AWSCURRENT" not in labels:
            client.update_secret_version_stage(SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=version)


def current_version(deployment: Deployment, delegation: str) -> str:
    """Return the version of the stored credential that is in use; empty when there is none."""
    client = deployment.client("secretsmanager")
    try:
        return _current(client.describe_secret(SecretId=deployment.secret_name(delegation)))
    except client.exceptions.ResourceNotFoundException:
        return ""


def has_password(deployment: Deployment, delegation: str) -> bool:
    """Return whether the stored credential is a login with a password; an OAuth2 client has none.

    The tag of the secret has the answer. A credential of an earlier version has no tag, and is assumed to be a login.
    """
    described = deployment.client("secretsmanager").describe_secret(SecretId=deployment.secret_name(delegation))
    return {"Key": KIND_TAG, "Value": "client"} not in described.get("Tags", [])


def rotate_now(deployment: Deployment, delegation: str, days: int | None, console: Console) -> Rotated:
    """Rotate the password now and wait for the end. Raises Refused, and Stopped when the rotation failed."""
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    function, before = deployment.fact(ROTATION_OUTPUT), require_rotatable(deployment, delegation)
    rules = {"AutomaticallyAfterDays": days or _interval(before)}
    started = datetime.now(UTC)
    try:
        client.rotate_secret(SecretId=name, RotationLambdaARN=function, RotationRules=rules)
    except client.exceptions.InvalidRequestException as error:
        if "previous rotation" not in str(error):
            raise
        console.print("An earlier rotation has not ended; Secrets Manager retries it.", soft_wrap=True)
    console.print("Secrets Manager rotates the password …", soft_wrap=True)
    described = _wait_for_end(deployment, delegation, _current(before), started)
    next_at = described.get("NextRotationDate")
    return Rotated(name, _interval(described), next_at.astimezone(UTC).date() if next_at else None)


def require_rotatable(deployment: Deployment, delegation: str) -> Mapping[str, Any]:
    """Return Secrets Manager's description of the secret. Raises Refused when there is no password to rotate."""
    described, name = described_secret(deployment, delegation), deployment.secret_name(delegation)
    if "DeletedDate" in described:
        msg = f"{name} is scheduled for deletion; certmandate retire {delegation} --undo restores it"
        raise Refused(msg)
    if not has_password(deployment, delegation):
        msg = f"{name} is an OAuth2 client and has no password to rotate"
        raise Refused(msg)
    return described


def _wait_for_end(deployment: Deployment, delegation: str, before: str, started: datetime) -> Mapping[str, Any]:
    """Wait until another version is current; return the description of the secret. Raises Stopped."""
    client, name = deployment.client("secretsmanager"), deployment.secret_name(delegation)
    ends = time.monotonic() + LONGEST_ROTATION
    while True:
        described: Mapping[str, Any] = client.describe_secret(SecretId=name)
        if _current(described) != before:
            return described
        if cause := _cause(deployment, started):
            msg = (
                f"the password of {delegation} was not rotated: {cause}. Secrets Manager tries again automatically. "
                "Both passwords are kept until a login with one succeeds. What to do: docs/runbook.md"
            )
            raise Stopped(msg)
        if time.monotonic() >= ends:
            msg = (
                f"after {LONGEST_ROTATION:.0f} seconds the password of {delegation} is not rotated, and the log has no "
                f"error: check the log group {deployment.facts.get('FunctionLogs', 'of the functions')}, and later run "
                f"certmandate check {delegation}"
            )
            raise Stopped(msg)
        time.sleep(_SECONDS_BETWEEN_QUERIES)


def _cause(deployment: Deployment, started: datetime) -> str:
    """Return the function's error since *started*; empty when the log has none or cannot be read."""
    from botocore.exceptions import ClientError

    group, function = deployment.facts.get("FunctionLogs"), deployment.fact(ROTATION_OUTPUT).rsplit(":", 1)[-1]
    if not group:
        return ""
    begins = int(started.timestamp() * 1000)
    try:
        answer = deployment.client("logs").filter_log_events(
            logGroupName=group, startTime=begins, filterPattern='"errorType"'
        )
    except ClientError:
        return ""
    # AWS names the streams of a group that functions share <day>/<function>[<version>]…
    ours = [event["message"] for event in answer["events"] if f"/{function}[" in event["logStreamName"]]
    return redacted_of_aws(_error_in(ours[0])) if ours else ""


def _error_in(message: str) -> str:
    """Return the error of a log line, which is a JSON object (LogFormat: JSON)."""
    try:
        line = json.loads(message)
        return f"{line['errorType']}: {line['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return message


def _interval(described: Mapping[str, Any]) -> int:
    return int(described.get("RotationRules", {}).get("AutomaticallyAfterDays") or ROTATE_EVERY_DAYS)


def _current(described: Mapping[str, Any]) -> str:
    versions: Mapping[str, list[str]] = described.get("VersionIdsToStages", {})
    return next((version for version, labels in versions.items() if "AWSCURRENT" in labels), "")
