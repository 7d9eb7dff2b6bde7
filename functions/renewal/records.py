"""Frozen dataclasses as DynamoDB maps or JSON objects, and back: one rule per type, no mapping by hand.

    text, bool, bytes, int   as they are (DynamoDB's Decimal is read as int)
    float                    Decimal in DynamoDB
    StrEnum, Literal         its text
    datetime                 ISO 8601; in DynamoDB always `2026-11-23T08:00:00.000000Z`, so that text sorts as time
    date                     `2026-11-23`
    tuple, frozenset         list; a frozenset is sorted
    Mapping, dataclass       map
    None                     null in JSON; left out in DynamoDB, as is empty text (or bytes) where it is the default

A member has the name of its field, or the name in the field's `metadata={"stored": name}`. Reading ignores members that
have no field, and gives missing ones their default: records of newer and of older versions can be read. But a
member that every version has written (`metadata=REQUIRED`) may not be missing: a default might cause an order. And a
member that the next run writes again (`metadata=REWRITTEN`) counts as missing when it cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

FIRST_TIME, LAST_TIME = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""No record has an earlier time. A later one is read as the last: certificates without an end have the year 9999."""

REQUIRED: Mapping[str, Any] = MappingProxyType({"required": True})
"""Metadata of a field that has a default for new records, and that no stored record lacks."""
REWRITTEN: Mapping[str, Any] = MappingProxyType({"rewritten": True})
"""Metadata of a field with a default that each run writes again, whatever it was."""


class Unreadable(ValueError):
    """A member is missing or not of its type. The text is the member's path and why, never its value."""


def timestamp(time: datetime) -> str:
    """Return *time* as `2026-11-23T08:00:00.000000Z`; always as long, so that text sorts as time does."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def timestamp_in_seconds(time: datetime) -> str:
    """Return *time* as `2026-11-23T08:00:00Z`, for documents that others read."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(text: str | bytes) -> Any:
    """Return a JSON value; None for `null`, and for what is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


# ---- Writing -----------------------------------------------------------------------------------------------------


def to_item(record: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return a dataclass as a DynamoDB map; *without*: fields that are part of the key."""
    written = {}
    for field in fields(record):
        value = getattr(record, field.name)
        is_left_out = value is None or (value in ("", b"") and value == field.default)
        if field.name not in without and not is_left_out:
            written[_stored_name(field)] = _written(value, to_item, _ITEM_SCALARS)
    return written


def to_json(record: Any) -> dict[str, Any]:
    """Return a dataclass as a JSON object with every member; it must not hold bytes."""
    names: Mapping[str, str] = _names(record.__class__)
    return {stored: _written(getattr(record, name), to_json, _JSON_SCALARS) for name, stored in names.items()}


def stored_names(kind: type[Any]) -> tuple[str, ...]:
    """Return the names under which the members of a dataclass are stored."""
    return tuple(map(_stored_name, fields(kind)))


def required_names(kind: type[Any]) -> tuple[str, ...]:
    """Return those that no stored record lacks."""
    return tuple(_stored_name(field) for field in fields(kind) if not _has_default(field))


@cache
def _names(kind: type[Any]) -> dict[str, str]:
    """The stored name of each field."""
    return {field.name: _stored_name(field) for field in fields(kind)}


def _stored_name(field: Field[Any]) -> str:
    return str(field.metadata.get("stored", field.name))


def _has_default(field: Field[Any]) -> bool:
    is_given = field.default is not MISSING or field.default_factory is not MISSING
    return is_given and not field.metadata.get("required")


def _written(value: Any, map_of: Callable[[Any], Any], scalars: Mapping[type, Callable[[Any], Any]]) -> Any:
    if write := scalars.get(type(value)):
        return write(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple | frozenset):
        elements = sorted(value) if isinstance(value, frozenset) else value
        return [_written(element, map_of, scalars) for element in elements]
    if isinstance(value, Mapping):
        return {str(key): _written(element, map_of, scalars) for key, element in value.items()}
    return map_of(value) if is_dataclass(value) else value


_AS_THEY_ARE: Mapping[type, Callable[[Any], Any]] = {str: str, bool: bool, int: int, date: date.isoformat}
_JSON_SCALARS = {**_AS_THEY_ARE, datetime: datetime.isoformat}
_ITEM_SCALARS = {**_AS_THEY_ARE, datetime: timestamp, float: lambda number: Decimal(repr(number))}


# ---- Reading -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    stored: str
    read: Callable[[Any], Any]
    has_default: bool
    is_optional: bool
    is_rewritten: bool


def read(kind: type[T], stored: Mapping[str, Any], **given: Any) -> T:
    """Return the *kind* that *stored* is; *given* has the fields that are not in it. Raises Unreadable."""
    if not isinstance(stored, Mapping):
        msg = f"a {type(stored).__name__} is not a map"
        raise Unreadable(msg)
    values = dict(given)
    for member in _members(cast("Any", kind)):
        value = stored.get(member.stored)
        if member.name in given or (value is None and member.has_default):
            continue
        if value is None and not member.is_optional:
            msg = f"'{member.stored}' is missing"
            raise Unreadable(msg)
        try:
            values[member.name] = None if value is None else _member_value(member, value)
        except Unreadable:
            if not member.is_rewritten:
                raise
    return kind(**values)


def _member_value(member: _Member, value: Any) -> Any:
    try:
        return member.read(value)
    except Unreadable as error:
        msg = f"'{member.stored}': {error}"
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        msg = f"'{member.stored}' is not as it is written ({type(error).__name__})"
    raise Unreadable(msg)


@cache
def _members(kind: type[Any]) -> tuple[_Member, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Member(
            field.name,
            _stored_name(field),
            _reader(hints[field.name]),
            has_default=_has_default(field),
            is_optional=type(None) in get_args(hints[field.name]),
            is_rewritten=bool(field.metadata.get("rewritten")),
        )
        for field in fields(kind)
    )


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Return what reads a value of the type *hint*."""
    origin, arguments = get_origin(hint), get_args(hint)
    if type(None) in arguments:
        return _reader(next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return partial(_one_of, arguments)
    if origin is Mapping:
        return partial(_mapping, _reader(arguments[1]))
    if origin in {tuple, frozenset}:
        return partial(_sequence, origin, _reader(arguments[0]))
    if is_dataclass(hint):
        return partial(read, hint)  # type: ignore[arg-type]
    reader: Callable[[Any], Any] = _SCALARS.get(hint, hint)  # a StrEnum reads its own text
    return reader


def _instance(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _one_of(permitted: Collection[Any], value: Any) -> Any:
    if value not in permitted:
        raise ValueError
    return value


def _sequence(kind: Callable[[Any], Any], element: Callable[[Any], Any], value: Any) -> Any:
    return kind(element(entry) for entry in _instance(list, value))


def _mapping(element: Callable[[Any], Any], value: Any) -> dict[str, Any]:
    return {key: element(entry) for key, entry in value.items()}


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError
    return int(value)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text).astimezone(UTC)
    if time < FIRST_TIME:  # the days before the year 1, and after 9999, are an OverflowError wherever they are counted
        raise ValueError
    return min(time, LAST_TIME)


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    str: partial(_instance, str),
    bool: partial(_instance, bool),
    bytes: partial(_instance, bytes),
    int: _whole,
    float: lambda value: float(_instance(int | float | Decimal, value)),
    datetime: _time,
    date: date.fromisoformat,
    Any: lambda value: value,
}
