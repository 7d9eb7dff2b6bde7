"""The order book's tables: requests, pages, batches and conditions, in Python's types."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

from botocore.exceptions import ClientError

from renewal.adapters.aws import error_code, translated
from renewal.adapters.order_book.attribute_values import from_wire, to_wire
from renewal.deadline import Deadline
from renewal.domain.errors import StoreUnavailable
from renewal.records import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.client import DynamoDBClient

T = TypeVar("T")

Item = Mapping[str, Any]
"""An item, or a map in it."""

Key = tuple[str, str]
"""(delegation, item): partition key and sort key."""

INDEX = "next-action"
"""Global secondary index (keys only): partition key `action`, sort key `next_action_at`."""

_KEY = ("delegation", "item")
_BATCH = 100  # keys in a BatchGetItem (AWS: amazondynamodb/latest/developerguide/Limits.html)
_MOST_EMPTY = 5  # responses in a row without an item before the table counts as unavailable

Request = dict[str, Any]


class ConditionFailed(Exception):
    """A write's condition did not hold.

    Either another run has written, or this write succeeded and its response was lost, so that botocore repeated it.
    The caller distinguishes them by comparing.
    """

    def __init__(self, found: Item | None = None) -> None:
        super().__init__("condition failed")
        self.found = found
        """The item as it is now; None when there is none, and after transactions."""


class Table:
    """One DynamoDB table. *reads_end*: when no read is begun any more (StoreUnavailable); writes are."""

    def __init__(self, client: DynamoDBClient, name: str, reads_end: Deadline | None = None) -> None:
        self._client = client
        self._name = name
        self._reads_end = reads_end

    def read(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Return the items that exist, by key, read consistently."""
        wanted = list(dict.fromkeys(keys))
        items: dict[Key, Item] = {}
        for start in range(0, len(wanted), _BATCH):
            for item in self._batch(wanted[start : start + _BATCH]):
                items[item["delegation"], item["item"]] = item
        return items

    def _batch(self, keys: list[Key]) -> Iterator[Item]:
        """Yield the items of one batch; DynamoDB may return a part of them, and the keys of the rest."""
        left = [_wire(_key(key)) for key in keys]
        empty = 0
        while left:
            items, left = self._batch_get(left)
            yield from items
            empty = 0 if items else empty + 1
            if left and empty >= _MOST_EMPTY:
                msg = "dynamodb:BatchGetItem keeps leaving keys unprocessed"
                raise StoreUnavailable(msg)

    @translated("dynamodb:BatchGetItem")
    def _batch_get(self, keys: list[Request]) -> tuple[list[Item], list[Request]]:
        self._require_time()
        answer: Any = self._client.batch_get_item(RequestItems={self._name: {"Keys": keys, "ConsistentRead": True}})
        left = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
        return [_plain(item) for item in answer["Responses"].get(self._name, [])], left

    def _require_time(self) -> None:
        if self._reads_end and not self._reads_end.seconds_left():
            msg = "dynamodb: no time is left to read the order book"
            raise StoreUnavailable(msg, had_no_effect=True)

    def query(self, partition: str, prefix: str, attributes: Collection[str] = ()) -> Iterator[Item]:
        """Yield the items of a partition whose sort key begins with *prefix*, in order, read consistently.

        *attributes*: those that are read besides the key; empty = all.
        """
        condition = "#delegation = :partition AND begins_with(#item, :prefix)"
        request: Request = {
            **_conditioned(condition, (*_KEY, *attributes) if attributes else ()),
            "ExpressionAttributeValues": _wire({":partition": partition, ":prefix": prefix}),
            "ConsistentRead": True,
        }
        return _of_pages(partial(self._queried, request))

    def index(self, action: str, until: datetime | None = None) -> Iterator[Key]:
        """Yield the keys that the index has under *action*, by time of next action, up to *until*."""
        request = _of_index(action, until, attributes=_KEY)
        return ((item["delegation"], item["item"]) for item in _of_pages(partial(self._queried, request)))

    def count(self, action: str, most: int) -> int:
        """Return how many entries the index has under *action*, counted up to *most*."""
        start: Request | None = {}
        total = 0
        while start is not None and total < most:
            counted, start = self._counted(_of_index(action) | {"Select": "COUNT", "Limit": most - total} | start)
            total += counted
        return total

    @translated("dynamodb:Query")
    def _counted(self, request: Request) -> tuple[int, Request | None]:
        self._require_time()
        answer: Any = self._client.query(TableName=self._name, **request)
        last = answer.get("LastEvaluatedKey")
        return int(answer["Count"]), {"ExclusiveStartKey": last} if last else None

    @translated("dynamodb:Query")
    def _queried(self, request: Request, start: Request) -> tuple[list[Item], Request | None]:
        self._require_time()
        answer: Any = self._client.query(TableName=self._name, **request, **start)
        return [_plain(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def partitions(self) -> Iterator[str]:
        """Yield the partition key of every item; a very recent one may be missing."""
        request = {"ProjectionExpression": "delegation"}
        return _of_pages(partial(self._scanned, request, lambda item: str(item["delegation"]["S"])))

    def items(self) -> Iterator[Item]:
        """Yield every item, read consistently, in order within its partition."""
        return _of_pages(partial(self._scanned, {"ConsistentRead": True}, _plain))

    @translated("dynamodb:Scan")
    def _scanned(self, request: Request, read: Callable[[Item], T], start: Request) -> tuple[list[T], Request | None]:
        answer: Any = self._client.scan(TableName=self._name, **request, **start)
        return [read(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def update(self, write: Request) -> Item:
        """Make one `updated(...)`; return the new item. Raises ConditionFailed, with the item as it is."""
        written, current = self._update(write["Update"])
        if written is None:
            raise ConditionFailed(current)
        return written

    @translated("dynamodb:UpdateItem")
    def _update(self, change: Request) -> tuple[Item | None, Item | None]:
        """Return (the new item, None), or (None, the item that failed the condition)."""
        try:
            answer: Any = self._client.update_item(
                TableName=self._name, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD", **change
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            current: Any = error.response.get("Item")
            return None, _plain(current) if current else None
        return _plain(answer["Attributes"]), None

    def addressed(self, write: Request) -> Request:
        """Return *write* to this table, for a transaction of another one."""
        return {kind: {"TableName": self._name} | body for kind, body in write.items()}

    def transact(self, *writes: Request) -> None:
        """Make all of *writes* or none. Raises ConditionFailed."""
        codes = self._transact([self.addressed(write) for write in writes])
        if "ConditionalCheckFailed" in codes:
            raise ConditionFailed
        if codes:
            msg = f"dynamodb:TransactWriteItems: AWS is busy ({', '.join(sorted(codes))})"
            raise StoreUnavailable(msg, had_no_effect=True)

    @translated("dynamodb:TransactWriteItems")
    def _transact(self, items: Any) -> set[str]:
        """Return the codes of the cancellation; empty when there was none.

        By the token DynamoDB recognises a transaction that botocore repeats because the response was lost.
        """
        try:
            self._client.transact_write_items(TransactItems=items, ClientRequestToken=str(uuid4()))
        except ClientError as error:
            answer: Any = error.response
            codes = {str(reason.get("Code")) for reason in answer.get("CancellationReasons", [])} - {"None"}
            if not codes or "ValidationError" in codes:
                raise
            return codes
        return set()


@dataclass(frozen=True, slots=True)
class OrderTables:
    """The order book's tables."""

    orders: Table
    audit: Table
    """Rows are only added to it, in the transaction that they describe."""

    @classmethod
    def of(cls, client: DynamoDBClient, orders: str, audit: str, reads_end: Deadline | None = None) -> Self:
        """Return the tables with these names; *reads_end*: see `Table`."""
        return cls(Table(client, orders, reads_end), Table(client, audit, reads_end))


def _of_pages(page: Callable[[Request], tuple[list[T], Request | None]]) -> Iterator[T]:
    """Yield what *page* returns from the start that it is given, with the key after which the next page starts."""
    start: Request = {}
    while True:
        found, last = page(start)
        yield from found
        if not last:
            return
        start = {"ExclusiveStartKey": last}


def _conditioned(condition: str, attributes: Collection[str]) -> Request:
    """Query by *condition*; *attributes*: those that are read; empty = all."""
    read = ", ".join(f"#{name}" for name in attributes)
    request = {"KeyConditionExpression": condition, "ExpressionAttributeNames": _names(f"{condition} {read}")}
    return request | ({"ProjectionExpression": read} if read else {})


def _of_index(action: str, until: datetime | None = None, attributes: Collection[str] = ()) -> Request:
    """Query the index."""
    values = {":action": action} | ({":until": timestamp(until)} if until else {})
    condition = "#action = :action" + (" AND #next_action_at <= :until" if until else "")
    return {
        **_conditioned(condition, attributes),
        "IndexName": INDEX,
        "ExpressionAttributeValues": _wire(values),
    }


# ---- Writes as DynamoDB expects them: `#name` is an attribute, `:name` a value -----------------------------------


def put(
    item: Item, *, condition: str = "attribute_not_exists(#item)", values: Mapping[str, Any] | None = None
) -> Request:
    """Write a whole item; without another condition, where there is none."""
    request: Request = {
        "Item": _wire(item),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": _names(condition),
    }
    return {"Put": request | ({"ExpressionAttributeValues": _values(values)} if values else {})}


def updated(
    key: Key,
    change: str,
    values: Mapping[str, Any],
    *,
    condition: str = "",
    more_names: Mapping[str, str] | None = None,
) -> Request:
    """Change an item. *more_names*: attributes by `#name`, for names with hyphens."""
    names = _names(f"{change} {condition}") | {f"#{name}": text for name, text in (more_names or {}).items()}
    write: Request = {
        "Key": _wire(_key(key)),
        "UpdateExpression": change,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": _values(values),
    }
    return {"Update": write | ({"ConditionExpression": condition} if condition else {})}


def assigned(key: Key, attributes: Mapping[str, Any], *, condition: str, values: Mapping[str, Any]) -> Request:
    """Set the attributes that have a value and remove those that are None."""
    present = {name: value for name, value in attributes.items() if value is not None}
    change = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
    if absent := [f"#{name}" for name in attributes if name not in present]:
        change += f" REMOVE {', '.join(absent)}"
    return updated(key, change, {**present, **values}, condition=condition)


def deleted(key: Key, *, condition: str = "") -> Request:
    """Delete an item; without a condition, also one that does not exist."""
    conditional = {"ConditionExpression": condition, "ExpressionAttributeNames": _names(condition)}
    return {"Delete": {"Key": _wire(_key(key))} | (conditional if condition else {})}


def _key(key: Key) -> dict[str, str]:
    return {"delegation": key[0], "item": key[1]}


def _names(expression: str) -> dict[str, str]:
    return {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}


def _values(values: Mapping[str, Any]) -> Request:
    return _wire({f":{name}": value for name, value in values.items()})


def _wire(values: Mapping[str, Any]) -> Request:
    return {name: to_wire(value) for name, value in values.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    """The item with its key. Raises KeyError and TypeError for anything else."""
    plain = {name: from_wire(value) for name, value in item.items()}
    return plain | {name: str(plain[name]) for name in ("delegation", "item")}
