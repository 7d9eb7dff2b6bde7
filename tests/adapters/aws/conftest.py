"""AWS in this process: moto, with the table and the bucket as template.yaml makes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.strict_acm import StrictAcm
from renewal.adapters.aws import config_of
from renewal.adapters.order_book.editor import OrderBookEditor
from renewal.adapters.order_book.transitions import DynamoDbOrderBook

from .records import NOW, a_specification

REGION = "eu-west-3"
TABLE = "orders"
BUCKET = "store"


@cache
def client(service: str, region: str = REGION) -> Any:
    """One client for all tests: making one takes longer than most of them."""
    make: Any = boto3.client
    secrets = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return make(service, region_name=region, config=config_of(service), **secrets)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, quick_moto: None) -> Iterator[None]:
    """An empty AWS account, in which botocore does not wait between its attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with mock_aws():
        yield


@pytest.fixture
def dynamodb() -> Any:
    """DynamoDB with the order book's table and its index."""
    attributes = ("delegation", "item", "action", "next_action_at")
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        KeySchema=_keys("delegation", "item"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "next-action",
                "KeySchema": _keys("action", "next_action_at"),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    return client("dynamodb")


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


@pytest.fixture
def editor(dynamodb: Any) -> OrderBookEditor:
    """The order book as operators' programs see it, with one delegation and one certificate in it."""
    editor = OrderBookEditor(dynamodb, TABLE)
    editor.apply(a_specification(), NOW)
    return editor


@pytest.fixture
def book(dynamodb: Any, editor: OrderBookEditor) -> DynamoDbOrderBook:
    """The order book as one function sees it."""
    return DynamoDbOrderBook(dynamodb, TABLE)


@pytest.fixture
def rival(dynamodb: Any, book: DynamoDbOrderBook) -> DynamoDbOrderBook:
    """The same order book as another function sees it at the same time."""
    return DynamoDbOrderBook(dynamodb, TABLE)


@pytest.fixture
def s3() -> Any:
    """S3 with a versioned bucket."""
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client("s3")


@pytest.fixture
def acm_rules(aws: None) -> Iterator[StrictAcm]:
    """What the real ACM refuses and moto does not."""
    rules = StrictAcm(wait_factor=0)
    with rules.installed():
        yield rules
