"""AWS in this process: moto, with the table and the bucket as template.yaml makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import boto3
import pytest

from certmandate.files.operator_records import OperatorReader
from certmandate.files.spec_writer import EstateChange, SpecWriter
from certmandate.files.specification import Specification
from certmandate.order_book_editor import OrderBookEditor
from local.moto_repairs.strict_acm import StrictAcm
from renewal.adapters.aws import config_of
from renewal.adapters.order_book.table import OrderTables
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.domain.delegation import CertificatePath
from renewal.domain.order import Order
from tests.quick_moto import quick_aws

from .records import LATER, NOW, a_specification

REGION = "eu-west-3"
TABLE = "orders"
AUDIT = "audit"
BUCKET = "store"
OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/alice"


class Book(DynamoDbOrderTransitions, OperatorReader):
    """Both halves of the order book, and the writer of specs."""

    def __init__(self, client: Any) -> None:
        tables = OrderTables.of(client, TABLE, AUDIT)
        super().__init__(tables)
        self._writer = SpecWriter(tables, OPERATOR)

    def begin(self, order: Order) -> None:
        """Open an order on the record as it is now."""
        self.open(order, self.certificate(*order.record_key).revision)

    def remove(self, delegation: str, certificate: str) -> None:
        """Remove a certificate from the specs."""
        self._writer.write(EstateChange(removed=(CertificatePath(delegation, certificate),)), NOW)

    def remove_delegation(self, name: str, now: datetime) -> None:
        """Remove a delegation, as `apply --prune` does when its file is deleted."""
        removed = tuple(each.spec.record_key for each in self.certificates(name))
        self._writer.write(EstateChange(removed=removed, removed_delegations=(name,)), now)

    def apply(self, specification: Specification, now: datetime) -> None:
        """Write the specs of one delegation."""
        self._writer.write(EstateChange.of(specification), now)


@cache
def client(service: str, region: str = REGION) -> Any:
    """One client for all tests: making one takes longer than most of them."""
    make: Any = boto3.client
    secrets = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return make(service, region_name=region, config=config_of(service), **secrets)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty AWS account, in which botocore does not wait between its attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with quick_aws():
        yield


@pytest.fixture
def dynamodb() -> Any:
    """DynamoDB with the order book's two tables and the index."""
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
    client("dynamodb").create_table(
        TableName=AUDIT,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes[:2]],
        KeySchema=_keys("delegation", "item"),
    )
    return client("dynamodb")


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


@pytest.fixture
def editor(dynamodb: Any) -> OrderBookEditor:
    """What operators change of status."""
    return OrderBookEditor(OrderTables.of(dynamodb, TABLE, AUDIT), OPERATOR, lambda: LATER)


@pytest.fixture
def book(dynamodb: Any) -> Book:
    """The order book of one function, with one delegation and one certificate in it."""
    book = Book(dynamodb)
    book.apply(a_specification(), NOW)
    return book


@pytest.fixture
def rival(dynamodb: Any, book: Book) -> Book:
    """The same order book in another function at the same time."""
    return Book(dynamodb)


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
