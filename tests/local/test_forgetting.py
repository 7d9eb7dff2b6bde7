"""One stack for many histories: no test finds what an earlier one put into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.in_process import InProcessAws
from tests.adapters.aws.records import a_pair

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
VALUES: dict[str, Any] = {
    "text": {"S": "é"},
    "number": {"N": "1.5"},
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a"]},
    "numbers": {"NS": ["1"]},
    "parts": {"BS": [b"\x01"]},
    "list": {"L": [{"S": "a"}, {"M": {"inner": {"L": []}}}]},
    "map": {"M": {"S": {"S": "a name that is a letter"}, "B": {"B": b"\x02"}}},
}
"""Every kind of value that DynamoDB has, and nested ones."""


@pytest.fixture(scope="module")
def aws() -> Iterator[InProcessAws]:
    """The shipped stack; its functions are not called."""
    with InProcessAws(TEMPLATE, {}) as stack:
        yield stack


def found(aws: InProcessAws) -> dict[str, Any]:
    """Return everything that a test puts into the stack."""
    listed = aws.client("s3").list_objects_v2(Bucket=aws.outputs["StoreBucket"])
    streams = aws.client("logs").describe_log_streams(logGroupName=aws.outputs["FunctionLogs"])
    executions = aws.client("stepfunctions").list_executions(stateMachineArn=aws.outputs["StateMachineArn"])
    return {
        "items": aws.client("dynamodb").scan(TableName=aws.outputs["OrdersTable"])["Items"],
        "audit rows": aws.client("dynamodb").scan(TableName=aws.outputs["AuditTable"])["Items"],
        "objects": [item["Key"] for item in listed.get("Contents", [])],
        "secrets": [secret["Name"] for secret in aws.client("secretsmanager").list_secrets()["SecretList"]],
        "certificates": aws.client("acm").list_certificates(Includes={"keyTypes": ["EC_prime256v1"]})[
            "CertificateSummaryList"
        ],
        "log streams": streams["logStreams"],
        "executions": executions["executions"],
    }


def put_everything(aws: InProcessAws) -> None:
    """Put one item of each kind into the stack."""
    secrets, prefix = aws.client("secretsmanager"), aws.outputs["SecretPrefix"]
    item = {"delegation": {"S": "univ"}, "item": {"S": "delegation"}}
    for table in ("OrdersTable", "AuditTable"):
        aws.client("dynamodb").put_item(TableName=aws.outputs[table], Item=item)
    aws.client("s3").put_object(Bucket=aws.outputs["StoreBucket"], Key="runs/one", Body=b"")
    secrets.create_secret(Name=f"{prefix}/univ", SecretString="{}")
    pair = a_pair()
    leaf, issuers = pair.chain.leaf.pem(), pair.chain.issuers_pem()
    aws.client("acm").import_certificate(Certificate=leaf, PrivateKey=pair.key.pem(), CertificateChain=issuers)
    aws.client("logs").create_log_stream(logGroupName=aws.outputs["FunctionLogs"], logStreamName="one")
    aws.run(aws.outputs["StateMachineArn"], {})


def test_what_was_put_into_a_stack_is_forgotten_and_the_stack_stays(aws: InProcessAws) -> None:
    """An order or a key of the test before would make the next one pass, or fail, without a visible reason."""
    pristine = found(aws)
    put_everything(aws)
    assert [kind for kind, what in found(aws).items() if what == pristine[kind]] == []

    aws.forget()

    assert found(aws) == pristine


def test_every_kind_of_value_comes_back_as_it_was_written(aws: InProcessAws) -> None:
    """Moto's way of answering is exchanged for a quicker one."""
    table, key = aws.outputs["OrdersTable"], {"delegation": {"S": "univ"}, "item": {"S": "kinds"}}
    aws.client("dynamodb").put_item(TableName=table, Item={**key, **VALUES})

    assert aws.client("dynamodb").get_item(TableName=table, Key=key)["Item"] == {**key, **VALUES}
