"""Secrets Manager's rotation, as far as a rotating function and its operator notice it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.in_process import InProcessAws

from .conftest import TOY

SECRET = "certmandate/univ"


def rotate(event: dict[str, Any], _context: object) -> None:
    """Do no more than label versions."""
    secrets, token = boto3.client("secretsmanager"), event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        secrets.put_secret_value(
            SecretId=event["SecretId"], ClientRequestToken=token, SecretString=token, VersionStages=["AWSPENDING"]
        )
    if event["Step"] == "finishSecret":
        current = secrets.get_secret_value(SecretId=event["SecretId"])["VersionId"]
        secrets.update_secret_version_stage(
            SecretId=event["SecretId"], VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )


def fail_to_set(event: dict[str, Any], context: object) -> None:
    """Fail in the second step."""
    if event["Step"] == "setSecret":
        raise ConnectionError
    rotate(event, context)


@pytest.fixture
def aws() -> Iterator[InProcessAws]:
    """A secret whose rotation is set: every 45 days."""
    with InProcessAws(TOY, {"WorkFunction": rotate}) as in_process:
        secrets = in_process.client("secretsmanager")
        secrets.create_secret(Name=SECRET, SecretString="first")
        function = in_process.client("lambda").list_functions()["Functions"]
        arn = next(deployed["FunctionArn"] for deployed in function if "WorkFunction" in deployed["FunctionName"])
        rules = {"AutomaticallyAfterDays": 45}
        secrets.rotate_secret(SecretId=SECRET, RotationLambdaARN=arn, RotationRules=rules, RotateImmediately=False)
        yield in_process


def value(aws: InProcessAws) -> str:
    return str(aws.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])


def test_a_secret_rotates_twice_with_the_function_set_once(aws: InProcessAws) -> None:
    """Moto drops the ARN, makes an empty version current, and refuses the second rotation."""
    secrets, values = aws.client("secretsmanager"), [value(aws)]
    for _ in range(2):
        secrets.rotate_secret(SecretId=SECRET)
        values.append(value(aws))

    assert (values[0], len(set(values))) == ("first", 3)
    secrets.put_secret_value(SecretId=SECRET, SecretString="by hand")
    assert value(aws) == "by hand"


def test_a_rotation_ends_at_the_step_that_fails(aws: InProcessAws) -> None:
    """Moto goes on to finishSecret, which makes a password current that was never set."""
    secrets = aws.client("secretsmanager")
    aws.handlers["WorkFunction"] = fail_to_set
    secrets.rotate_secret(SecretId=SECRET)
    assert value(aws) == "first"

    aws.handlers["WorkFunction"] = rotate
    with pytest.raises(ClientError, match="reattempted"):
        secrets.rotate_secret(SecretId=SECRET)
    assert value(aws) != "first"


def test_setting_a_rotation_leaves_no_version_behind(aws: InProcessAws) -> None:
    """Secrets Manager removes the one with which it tried the function."""
    described = aws.client("secretsmanager").describe_secret(SecretId=SECRET)

    assert list(described["VersionIdsToStages"].values()) == [["AWSCURRENT"]]


def test_nothing_rotates_without_a_function(aws: InProcessAws) -> None:
    """AWS refuses; moto makes an empty version current."""
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="bare", SecretString="first")
    with pytest.raises(ClientError, match="no Lambda function ARN"):
        secrets.rotate_secret(SecretId="bare")

    assert secrets.get_secret_value(SecretId="bare")["SecretString"] == "first"
