"""moto answers the same with the changes that are only for speed as without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from tests.quick_moto import quick_aws

KEY = {"delegation": {"S": "univ"}, "item": {"S": "certificate#idp"}}
NESTED = {"M": {"list": {"L": [{"M": {"deep": {"S": "x"}}}, {"N": "1"}]}, "set": {"SS": ["a", "b"]}}}


@pytest.fixture(params=[mock_aws, quick_aws], ids=["moto", "faster"])
def clients(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """DynamoDB with an empty table and S3 with an empty bucket, by moto as it is and as it is changed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with request.param():
        session = boto3.session.Session(region_name="eu-west-1")
        table, bucket = session.client("dynamodb"), session.client("s3")
        table.create_table(
            TableName="orders",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "delegation", "KeyType": "HASH"},
                {"AttributeName": "item", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("delegation", "item", "due")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-due",
                    "KeySchema": [{"AttributeName": "due", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        bucket.create_bucket(Bucket="store", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        bucket.put_bucket_versioning(Bucket="store", VersioningConfiguration={"Status": "Enabled"})
        yield table, bucket


def update(text: str, *, condition: str = "attribute_exists(delegation)") -> dict[str, Any]:
    """Return an update of the item with KEY: its text, and one more member of its nested value."""
    return {
        "Update": {
            "TableName": "orders",
            "Key": KEY,
            "UpdateExpression": "SET #text = :text, nested.added = :text REMOVE earlier",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#text": "text"},
            "ExpressionAttributeValues": {":text": {"S": text}},
        }
    }


def stored(table: Any) -> Any:
    """Return the item with KEY."""
    return table.get_item(TableName="orders", Key=KEY, ConsistentRead=True)["Item"]


def test_a_cancelled_transaction_leaves_an_updated_item_as_it_was(clients: tuple[Any, Any]) -> None:
    """An update changed in place would survive the roll-back of a table whose copy shares its items."""
    table, _ = clients
    table.put_item(TableName="orders", Item={**KEY, "earlier": {"S": "old"}, "nested": NESTED})
    before = stored(table)
    other = {
        "TableName": "orders",
        "Item": {**KEY, "item": {"S": "other"}},
        "ConditionExpression": "attribute_exists(x)",
    }

    with pytest.raises(ClientError) as raised:
        table.transact_write_items(TransactItems=[update("new"), {"Put": other}])

    reasons = [reason["Code"] for reason in raised.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    assert stored(table) == before
    assert table.scan(TableName="orders")["Count"] == 1


def test_a_transaction_updates_and_deletes(clients: tuple[Any, Any]) -> None:
    """The copy of an item, not the item that a table's copy shares, is what changes."""
    table, _ = clients
    other = {**KEY, "item": {"S": "other"}}
    table.put_item(TableName="orders", Item={**KEY, "earlier": {"S": "old"}, "nested": NESTED})
    table.put_item(TableName="orders", Item=other)

    table.transact_write_items(TransactItems=[update("new"), {"Delete": {"TableName": "orders", "Key": other}}])

    nested = {"M": {**NESTED["M"], "added": {"S": "new"}}}
    assert stored(table) == {**KEY, "text": {"S": "new"}, "nested": nested}
    assert table.scan(TableName="orders")["Count"] == 1


def test_an_update_expression_has_one_clause_of_a_kind(clients: tuple[Any, Any]) -> None:
    """The clauses are counted at the root of the expression only."""
    table, _ = clients
    table.put_item(TableName="orders", Item=KEY)
    two = {**update("new")["Update"], "UpdateExpression": "SET #text = :text SET earlier = :text"}

    with pytest.raises(ClientError, match='The "SET" section can only be used once'):
        table.update_item(**two)


def test_a_query_reads_its_partition_and_an_index_reads_all(clients: tuple[Any, Any]) -> None:
    """Only the key of the table selects a partition; the key of an index is an attribute of any item."""
    table, _ = clients
    for delegation, item, due in (("a", "1", "x"), ("a", "2", "y"), ("b", "1", "x")):
        keys = {"delegation": {"S": delegation}, "item": {"S": item}}
        table.put_item(TableName="orders", Item={**keys, "due": {"S": due}, "nested": NESTED})

    def found(condition: str, value: str, **more: Any) -> list[tuple[str, str]]:
        values = {":value": {"S": value}, **more.pop("values", {})}
        answer = table.query(
            TableName="orders", KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
        )
        assert all(item["nested"] == NESTED for item in answer["Items"])
        return sorted((item["delegation"]["S"], item["item"]["S"]) for item in answer["Items"])

    assert found("delegation = :value", "a") == [("a", "1"), ("a", "2")]
    assert found("delegation = :value", "none") == []
    after_one = {"values": {":after": {"S": "1"}}}
    assert found(
        "delegation = :value AND #item > :after", "a", ExpressionAttributeNames={"#item": "item"}, **after_one
    ) == [("a", "2")]
    assert found("due = :value", "x", IndexName="by-due") == [("a", "1"), ("b", "1")]


def test_a_page_ends_by_the_size_that_its_items_have_now(clients: tuple[Any, Any]) -> None:
    """The size of an item is kept, and that of an updated item is counted again; a page has 1 MB at most."""
    table, _ = clients
    large = {"M": {"text": {"S": "x" * 300_000}}}
    for number in range(4):
        table.put_item(TableName="orders", Item={**KEY, "item": {"S": str(number)}, "nested": large})
    partition = {
        "TableName": "orders",
        "KeyConditionExpression": "delegation = :univ",
        "ExpressionAttributeValues": {":univ": KEY["delegation"]},
    }
    assert [table.query(**partition)["Count"], table.scan(TableName="orders")["Count"]] == [3, 3]

    table.update_item(
        TableName="orders",
        Key={**KEY, "item": {"S": "0"}},
        UpdateExpression="SET nested = :small",
        ExpressionAttributeValues={":small": NESTED},
    )

    assert [table.query(**partition)["Count"], table.scan(TableName="orders")["Count"]] == [4, 4]


def test_versions_are_listed_by_prefix_in_pages(clients: tuple[Any, Any]) -> None:
    """Keys before and after the prefix, and a deleted key, are in the bucket too."""
    _, bucket = clients
    for key, body in (("a", "1"), ("b/1", "1"), ("b/1", "2"), ("b/2", "1"), ("c", "1")):
        bucket.put_object(Bucket="store", Key=key, Body=body)
    bucket.delete_object(Bucket="store", Key="b/2")

    pages = bucket.get_paginator("list_object_versions").paginate(
        Bucket="store", Prefix="b/", PaginationConfig={"PageSize": 2}
    )

    listed = list(pages)
    versions = [(version["Key"], version["IsLatest"]) for page in listed for version in page.get("Versions", ())]
    assert versions == [("b/1", True), ("b/1", False), ("b/2", False)]
    assert [marker["Key"] for page in listed for marker in page.get("DeleteMarkers", ())] == ["b/2"]


def test_the_server_dispatches_to_the_same_services(clients: tuple[Any, Any]) -> None:
    """It listed moto's folder, with nearly two hundred entries, at each request: a twentieth of a local run."""
    application = DomainDispatcherApplication(create_backend_app)

    assert [application.get_backend_for_host(host) for host in ("dynamodb", "sesv2", "s3.eu-west-1.amazonaws.com")] == [
        "dynamodb",
        "sesv2",
        "s3",
    ]
