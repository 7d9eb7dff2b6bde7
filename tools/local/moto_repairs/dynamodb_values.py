"""DynamoDB's values in moto: trees, of which it makes whole copies on the way to each size and each text.

What stands here comes to the same in one walk. `moto_repairs` puts it in moto's place.
"""

from __future__ import annotations

import base64
import copy
import functools
import types
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from botocore import parsers
from moto.core.serialize import JSONSerializer
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize, dynamo_to_dict

MOST_BYTES = 405_000  # of an item, where moto draws the line


def seams() -> tuple[tuple[Any, str, Any], ...]:
    """Return where in moto what is to stand: (object, attribute, value)."""
    reader: Any = parsers.BaseJSONParser
    parser: Any = import_module("moto.dynamodb.parsing.expressions").UpdateExpressionParser
    return (
        (DynamoType, "size", _size),
        (DynamoType, "to_regular_json", _regular),
        (DynamoType, "__deepcopy__", _copied),
        (Item, "__init__", _made),
        (parser, "make", staticmethod(functools.lru_cache(maxsize=1024)(parser.make))),
        (JSONSerializer, "_serialize_type_structure", _written(JSONSerializer._serialize_type_structure)),
        (reader, "_handle_structure", _read(reader._handle_structure)),
        (import_module("moto.dynamodb.responses"), "dynamo_to_dict", _plain),
        # A transaction copies the table for each of its items, in case it has to take them back.
        (import_module("moto.dynamodb.models"), "copy", types.SimpleNamespace(deepcopy=_copy_of)),
    )


def _size(value: Any) -> int:
    """Return how many bytes DynamoDB counts."""
    kind, inner = value.type, value.value
    if kind == "S":
        return len(inner) if inner.isascii() else len(inner.encode())
    if kind == "M":
        return sum(bytesize(name) + _size(one) for name, one in inner.items())
    if kind == "L":
        return sum(_size(one) for one in inner)
    if kind in ("SS", "BS"):
        return sum(bytesize(one) for one in inner)
    if kind in ("N", "NS"):
        return sum(len(str(one)) for one in ([inner] if kind == "N" else inner))
    return 1 if isinstance(inner, bool) else bytesize(inner)


def _made(item: Any, hash_key: Any, range_key: Any, attrs: Mapping[str, Any]) -> None:
    """Make an item, and weigh it when it is whole: moto weighs all of it again for each attribute."""
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    for name, value in attrs.items():
        dict.__setitem__(item.attrs, name, DynamoType(value))
    if item.size() > MOST_BYTES:
        raise ItemSizeTooLarge


def _regular(value: Any) -> dict[str, Any]:
    """Return `{letter: content}` without any of moto's values in it."""
    inner = value.value
    if value.type == "M":
        inner = {name: _regular(one) for name, one in inner.items()}
    elif value.type == "L":
        inner = [_regular(one) for one in inner]
    elif value.type == "B" and isinstance(inner, str):
        inner = base64.b64decode(inner)
    return {value.type: list(inner) if value.is_set() else inner}


def _plain(value: Any) -> Any:
    """Return an answer without any of moto's values in it."""
    if isinstance(value, DynamoType) and value.type not in ("B", "BS"):
        return {value.type: _plain(value.value)}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str) else dynamo_to_dict(value)


def _copied(value: Any, _memo: Any = None) -> Any:
    made = object.__new__(type(value))
    made.type, inner = value.type, value.value
    if made.type == "M":
        made.value = {name: _copied(one) for name, one in inner.items()}
    elif made.type == "L":
        made.value = [_copied(one) for one in inner]
    else:
        made.value = list(inner) if value.is_set() else inner
    return made


def _copy_of(original: Any) -> Any:
    """Copy a table, of which a transaction changes the items and nothing else; or whatever else it is."""
    if not isinstance(original, Table) or original.stream_shard:
        return copy.deepcopy(original)
    table = copy.copy(original)
    table.items = copy.deepcopy(original.items)
    return table


def _written(original: Any) -> Any:
    """Look in a value for the letter it has: moto looks for all ten, and five spellings of each."""

    def structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if not _is_value(shape, value):
            original(serializer, serialized, value, shape, key)
            return

        def one(letter: str, content: Any) -> Any:
            told: dict[str, Any] = {}
            serializer._serialize(told, content, shape.members[letter], letter)
            return told[letter]

        serialized[key] = _by_its_letter(value, one)

    return structure


def _read(original: Any) -> Any:
    """Look in a value for the letter it has: botocore looks for all ten."""

    def structure(parser: Any, shape: Any, value: Any) -> Any:
        if not _is_value(shape, value):
            return original(parser, shape, value)
        return _by_its_letter(value, lambda letter, content: parser._parse_shape(shape.members[letter], content))

    return structure


def _is_value(shape: Any, value: Any) -> bool:
    """Tell DynamoDB's values from what other services call AttributeValue."""
    return shape.name == "AttributeValue" and "NULL" in shape.members and isinstance(value, dict) and len(value) == 1


def _by_its_letter(value: Mapping[str, Any], one: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return the value with all in it that is no text, nor made of values, as *one* gives it."""
    letter, content = next(iter(value.items()))
    if letter == "M":
        content = {name: _by_its_letter(inner, one) for name, inner in content.items()}
    elif letter == "L":
        content = [_by_its_letter(inner, one) for inner in content]
    elif letter not in ("S", "N", "SS", "NS"):
        content = one(letter, content)
    return {letter: content}
