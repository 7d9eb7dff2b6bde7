"""Functions of one run write the order book at the same time, as they do on AWS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.in_process import InProcessAws

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def test_transactions_and_writes_side_by_side_all_succeed() -> None:
    """Moto copies a table for each transaction; a write meanwhile broke the copy and answered 500."""
    with InProcessAws(TEMPLATE, {}) as aws:
        table, client = aws.outputs["OrdersTable"], aws.client("dynamodb")

        def transact(number: int) -> Any:
            item = {"delegation": {"S": f"d{number}"}, "item": {"S": "delegation"}}
            return client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}])

        def put(number: int) -> Any:
            return client.put_item(TableName=table, Item={"delegation": {"S": f"p{number}"}, "item": {"S": "x"}})

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: (transact if number % 2 else put)(number), range(150)))

    assert {answer["ResponseMetadata"]["RetryAttempts"] for answer in answers} == {0}
