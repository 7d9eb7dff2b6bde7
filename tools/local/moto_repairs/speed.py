"""The same answers, without what makes moto slow: each change names what moto does, and what that costs.

No change here alters an answer. What grows with the square of an estate is a reason for a change, and so is what takes
a hundredth or more of a case of the fault campaign (docs/decisions.md).
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from local.moto_repairs.repairs import Repairs, Replacements, interpreter

# ---- All services ----------------------------------------------------------------------------------------------------


def instances_are_not_kept(_: Repairs) -> Replacements:
    """Keep no list of all instances ever made of moto's models, except of those that it closes at its end: files."""
    from moto.core.common_models import BaseModel

    def new(model: Any, *_arguments: Any, **_named: Any) -> Any:
        instance = object.__new__(model)
        if hasattr(model, "dispose"):
            model.instances_tracked.append(instance)
        return instance

    yield patch.object(BaseModel, "__new__", new)


def operations_are_listed_once(_: Repairs) -> Replacements:
    """List the methods of a service's class once; moto inspects all its members at each request."""
    from moto.core import responses
    from moto.core.utils import method_names_from_class

    yield patch.object(responses, "method_names_from_class", functools.cache(method_names_from_class))


def services_are_listed_once(_: Repairs) -> Replacements:
    """List the services that moto has once; its server lists moto's folder at each request, under a lock."""
    from moto import backends

    listed = tuple(backends.list_of_moto_modules())
    yield patch.object(backends, "list_of_moto_modules", lambda: listed)


def addresses_are_composed_once(_: Repairs) -> Replacements:
    """Compose a service's addresses once; moto does at each request, and reads the module with S3's again."""
    from moto.core.base_backend import BaseBackend

    composed: Any = BaseBackend.urls
    yield patch.object(BaseBackend, "urls", property(functools.cache(composed.fget)))


# ---- Step Functions --------------------------------------------------------------------------------------------------


def paths_are_parsed_once(_: Repairs) -> Replacements:
    """Keep parsed JSONPaths, which hold no state; moto builds the parser's tables again for each."""
    json_path = interpreter("utils.json_path")

    yield patch.object(json_path, "parse", functools.lru_cache(maxsize=512)(json_path.parse))


# ---- DynamoDB --------------------------------------------------------------------------------------------------------


def attribute_values_are_serialized_once(_: Repairs) -> Replacements:
    """Serialize the one member that an attribute value has; moto searches for all ten under five spellings each."""
    from moto.core.serialize import JSONSerializer

    original = JSONSerializer._serialize_type_structure

    def structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if not _is_attribute_value(shape, value):
            original(serializer, serialized, value, shape, key)
            return
        serialized[key] = _serialized(serializer, value, shape)

    yield patch.object(JSONSerializer, "_serialize_type_structure", structure)


def _is_attribute_value(shape: Any, value: Any) -> bool:
    """Return whether it is DynamoDB's: other services have shapes of that name."""
    return shape.name == "AttributeValue" and "NULL" in shape.members and isinstance(value, dict) and len(value) == 1


def _serialized(serializer: Any, value: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    kind, content = next(iter(value.items()))
    if kind == "M":
        return {kind: {name: _serialized(serializer, inner, shape) for name, inner in content.items()}}
    if kind == "L":
        return {kind: [_serialized(serializer, inner, shape) for inner in content]}
    if kind in {"S", "N", "BOOL", "NULL"} and isinstance(content, str | bool):
        return {kind: content}
    wrapper: dict[str, Any] = {}
    serializer._serialize(wrapper, content, shape.members[kind], kind)
    return wrapper


def items_are_copied_when_they_are_updated(_: Repairs) -> Replacements:
    """Copy an item before it is updated, and at no other time: copies of a table, and answers, can share it.

    moto updates an item where it is. Therefore it copies the whole table before each transaction, and each item of an
    answer.
    """
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import Item
    from moto.dynamodb.models.table import Table

    update, copied = DynamoDBBackend.update_item, Item.__deepcopy__

    def update_item(backend: Any, table_name: str, key: Any, *arguments: Any, **named: Any) -> Any:
        table = backend.get_table(table_name)
        hash_value, range_value = backend.get_keys_value(table, key)
        if item := table.get_item(hash_value, range_value):
            _replace(table, copied(item, {}))
        return update(backend, table_name, key, *arguments, **named)

    yield patch.object(Item, "__deepcopy__", lambda item, _memo: item)
    yield patch.object(Table, "__deepcopy__", _table_with_the_same_items, create=True)
    yield patch.object(DynamoDBBackend, "update_item", update_item)


def _replace(table: Any, item: Any) -> None:
    if item.range_key:
        table.items[item.hash_key][item.range_key] = item
    else:
        table.items[item.hash_key] = item


def _table_with_the_same_items(table: Any, memo: dict[int, Any]) -> Any:
    copied = copy.copy(table)
    for name, value in vars(table).items():
        setattr(copied, name, value if name == "items" else copy.deepcopy(value, memo))
    copied.items = copy.copy(table.items)
    if table.range_key_attr:
        for key, partition in table.items.items():
            copied.items[key] = dict(partition)
    return copied


def sizes_are_counted_once(_: Repairs) -> Replacements:
    """Count the size of an item once; moto counts it twice for each answer, and copies each level of it to do so.

    An item keeps its size, because `items_are_copied_when_they_are_updated`.
    """
    from moto.dynamodb.models.dynamo_type import DynamoType, Item
    from moto.dynamodb.models.utilities import bytesize

    of_value, of_item = DynamoType.size, Item.size

    def size_of_value(value: Any) -> int:
        if value.is_map():
            return sum(bytesize(name) + inner.size() for name, inner in value.value.items())
        return of_value(value)

    def size_of_item(item: Any) -> int:
        kept = vars(item)
        if "counted_size" not in kept:
            kept["counted_size"] = of_item(item)
        size: int = kept["counted_size"]
        return size

    yield patch.object(DynamoType, "size", size_of_value)
    yield patch.object(Item, "size", size_of_item)


def queries_read_one_partition(_: Repairs) -> Replacements:
    """Read one partition for a query of a table; moto compares the key of each of its items."""
    from moto.dynamodb.models.table import Table

    original = Table.query
    parameters = inspect.signature(original)

    def query(table: Any, *arguments: Any, **named: Any) -> Any:
        given = parameters.bind(table, *arguments, **named).arguments
        if given.get("index_name") or not table.range_key_attr:
            return original(table, *arguments, **named)
        return original(_Partition(table, given["hash_key"]), *arguments, **named)  # type: ignore[arg-type]

    yield patch.object(Table, "query", query)


class _Partition:
    """A table as if it had the items of one partition only."""

    def __init__(self, table: Any, hash_key: Any) -> None:
        self._table = table
        self._hash_key = hash_key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def all_items(self) -> list[Any]:
        return list(self._table.items.get(self._hash_key, {}).values())


def values_are_copied_once(_: Repairs) -> Replacements:
    """Copy a value once for an answer; moto copies each level of it again."""
    from moto.dynamodb.models.dynamo_type import DynamoType

    original = DynamoType.to_regular_json

    def to_regular_json(value: Any) -> dict[str, Any]:
        if value.is_map():
            return {value.type: {name: _regular(inner) for name, inner in value.value.items()}}
        if value.is_list():
            return {value.type: [_regular(inner) for inner in value.value]}
        answer: dict[str, Any] = original(value)
        return answer

    def _regular(inner: Any) -> Any:
        return to_regular_json(inner) if isinstance(inner, DynamoType) else copy.deepcopy(inner)

    yield patch.object(DynamoType, "to_regular_json", to_regular_json)


def clauses_are_counted_once(_: Repairs) -> Replacements:
    """Count the clauses of an update expression once; moto counts them again at each node of the expression."""
    from moto.dynamodb.parsing.validators import ActionCountValidator

    yield patch.object(ActionCountValidator, "traverse", ActionCountValidator.verify_action_counts)


# ---- S3 --------------------------------------------------------------------------------------------------------------


def versions_are_listed_by_prefix(_: Repairs) -> Replacements:
    """List the versions of the keys with a prefix; moto copies and sorts all versions of the bucket first."""
    from moto.s3.models import S3Backend

    original = S3Backend.list_object_versions

    def list_object_versions(backend: Any, bucket_name: str, **named: Any) -> Any:
        read: Any = _Prefixed(backend.get_bucket(bucket_name), named["prefix"])
        return original(read, bucket_name, **named)

    yield patch.object(S3Backend, "list_object_versions", list_object_versions)


class _Prefixed:
    """A backend as if its bucket had the keys with a prefix only."""

    def __init__(self, bucket: Any, prefix: str) -> None:
        self.keys = type(bucket.keys)()
        for name, versions in bucket.keys.iterlists():
            if name.startswith(prefix):
                dict.__setitem__(self.keys, name, versions)

    def get_bucket(self, _name: str) -> _Prefixed:
        """Return itself, as the bucket."""
        return self


FOR_SPEED = (
    instances_are_not_kept,
    operations_are_listed_once,
    services_are_listed_once,
    addresses_are_composed_once,
    paths_are_parsed_once,
    attribute_values_are_serialized_once,
    items_are_copied_when_they_are_updated,
    sizes_are_counted_once,
    queries_read_one_partition,
    values_are_copied_once,
    clauses_are_counted_once,
    versions_are_listed_by_prefix,
)
