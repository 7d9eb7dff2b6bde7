"""Items of the order book with one member damaged: removed, of another type, or with a value of the next version."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import reduce
from operator import getitem
from typing import Any

NEWER = "word-of-the-next-version"
_KEYS = {"delegation", "item"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?")
_INDEXED = {"action", "next_action_at"}  # DynamoDB refuses another type


def poisoned(item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was done to which member, for example `spec.names.0 retyped`, and the damaged item."""
    for path in _paths(item):
        if path[0] in _KEYS:
            continue
        value: Any = reduce(getitem, path, item)
        yield f"{_text(path)} removed", _damaged(item, path)
        if path[0] not in _INDEXED:
            yield f"{_text(path)} retyped", _damaged(item, path, _of_another_type(value))
        if isinstance(value, str):
            yield f"{_text(path)} newer", _damaged(item, path, NEWER)


def with_extremes(item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the item with each number and each time as large as it can be, and each number negative."""
    for path in _paths(item):
        value: Any = reduce(getitem, path, item)
        extremes: tuple[Any, ...] = (Decimal(10**12), Decimal(-1)) if isinstance(value, Decimal) else ()
        if isinstance(value, str) and _TIME.fullmatch(value):
            extremes = (f"9999-12-31{value[10:]}", f"1970-01-01{value[10:]}")
        for extreme in extremes:
            yield f"{_text(path)} {extreme}", _damaged(item, path, extreme)


def _of_another_type(value: Any) -> Any:
    """A list becomes a set, a type of DynamoDB that no item has: it is in one item, and is no answer that fails."""
    if isinstance(value, list):
        return {"another type"}
    return 7 if isinstance(value, str) else "another type"


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, member in inner:
        yield (*above, name)
        yield from _paths(member, (*above, name))


def _text(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _damaged(item: Mapping[str, Any], path: tuple[Any, ...], *value: Any) -> dict[str, Any]:
    damaged = copy.deepcopy(dict(item))
    *above, last = path
    place = reduce(getitem, above, damaged)
    if value:
        place[last] = value[0]
    else:
        del place[last]
    return damaged
