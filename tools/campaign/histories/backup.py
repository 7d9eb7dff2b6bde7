"""The table put back to an earlier time, and items that a newer version of the code has written."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from campaign.harness import Harness
from local.cloudformation.parameters import ACCOUNT, REGION

NEWER = "word-of-the-next-version"
_KEPT = "of_next_version"
"""An unknown member of an item: the value that NEWER stands for, which only the newer version can read."""


class Written(StrEnum):
    """What the newer version wrote."""

    MEMBERS = "unknown members"
    INSPECTION = "a word of an inspection"
    CERTIFICATE = "a word of a certificate"
    ORDER = "a word of an open order"


_WORDS = {
    Written.INSPECTION: ("delegation", ("inspection", "at")),
    Written.CERTIFICATE: ("certificate#", ("spec", "key_type")),
    Written.ORDER: ("order#", ("key_type",)),
}
"""Beginning of the item's sort key, and the member that has the word."""
_MAPPINGS = {"arns", "former_arns", "importing", "custom_fields", "key_types", "withdrawn", _KEPT}
"""Members that are no records: their keys are data."""


@dataclass(frozen=True, slots=True)
class Backup:
    """The table at a time, as point-in-time recovery restores it."""

    items: Any
    tokens: frozenset[str]
    """Of its open orders."""


def taken(harness: Harness) -> Backup:
    """Copy the table."""
    return Backup(copy.deepcopy(_items(harness)), frozenset(_tokens(harness)))


def restore(harness: Harness, backup: Backup) -> frozenset[str]:
    """Put the table back; return the tokens of the orders that it has forgotten."""
    forgotten = frozenset(_tokens(harness)) - backup.tokens
    items = _items(harness)
    items.clear()
    items.update(copy.deepcopy(backup.items))
    return forgotten


def write_as_newer_version(harness: Harness, delegation: str, written: Written) -> None:
    """Write what this version does not know into every item of *delegation* that can have it."""
    for item in _stored(harness, delegation):
        if written is Written.MEMBERS:
            _put(harness, _with_unknown_members(item))
        elif (place := _place(item, written)) is not None and place[0][place[1]] != NEWER:
            above, member = place
            item[_KEPT] = {"written": written.value, "value": above[member]}
            above[member] = NEWER
            _put(harness, item)


def upgrade(harness: Harness, delegation: str) -> None:
    """Deploy the newer version again: it can read its words."""
    for item in _stored(harness, delegation):
        kept = item.get(_KEPT, {})
        place = _place(item, Written(kept["written"])) if kept else None
        if place is not None and place[0][place[1]] == NEWER:
            place[0][place[1]] = kept["value"]
            _put(harness, item)


def _place(item: dict[str, Any], written: Written) -> tuple[dict[str, Any], str] | None:
    """Return the map that has the word's member, and the member; None when the item has none."""
    kind, (*above, member) = _WORDS[written]
    place: Any = item if item["item"].startswith(kind) else {}
    for name in above:
        place = place.get(name, {})
    return (place, member) if member in place else None


def _with_unknown_members(value: Any) -> Any:
    """Add a member to every record in *value*, itself included."""
    if isinstance(value, list):
        return [_with_unknown_members(element) for element in value]
    if not isinstance(value, dict):
        return value
    inner = {name: each if name in _MAPPINGS else _with_unknown_members(each) for name, each in value.items()}
    return {**inner, "next_version": NEWER}


def _stored(harness: Harness, delegation: str) -> Iterator[dict[str, Any]]:
    read = TypeDeserializer().deserialize
    answer = harness.aws.client("dynamodb").scan(TableName=harness.aws.outputs["OrdersTable"], ConsistentRead=True)
    for item in answer["Items"]:
        if item["delegation"]["S"] == delegation:
            yield {name: read(value) for name, value in item.items()}


def _put(harness: Harness, item: Mapping[str, Any]) -> None:
    wire = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    harness.aws.client("dynamodb").put_item(TableName=harness.aws.outputs["OrdersTable"], Item=wire)


def _items(harness: Harness) -> Any:
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    return get_backend("dynamodb")[ACCOUNT][REGION].tables[harness.aws.outputs["OrdersTable"]].items


def _tokens(harness: Harness) -> Iterator[str]:
    """Tokens of the open orders in the table; those that have ended are in the audit table, which is not put back."""
    answer = harness.aws.client("dynamodb").scan(TableName=harness.aws.outputs["OrdersTable"], ConsistentRead=True)
    for item in answer["Items"]:
        if item["item"]["S"].startswith("order#") and "token" in item:
            yield item["token"]["S"]
