"""Values as people write them, in YAML or on a command line, read by the type of the field they are for."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin


def words_for(kind: Any) -> str:
    """Return what a value of type *kind* is called in an error that says "must be": `a number`, `one of a, b`."""
    if get_origin(kind) is Literal:
        words = "one of " + ", ".join(str(one) for one in get_args(kind) if one)
        return words if all(get_args(kind)) else f"left out, or {words}"
    if is_optional(kind):
        return f"{words_for(inner(kind))}, or nothing"
    if get_origin(kind) in (Mapping, dict) or kind in (Mapping, dict):
        return "a mapping"
    if get_origin(kind) in (tuple, list):
        return "a list"
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", date: "a day"}
    return names.get(kind, "a mapping")


def is_optional(kind: Any) -> bool:
    """Return whether *kind* is something or None."""
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def inner(kind: Any) -> Any:
    """Return the something of an optional *kind*."""
    return next(one for one in get_args(kind) if one is not type(None))


def fitting(value: object, kind: Any) -> tuple[bool, Any]:
    """Return whether *value*, a scalar as YAML reads it, fits *kind*, and the value to use."""
    if is_optional(kind):
        return (True, None) if value is None else fitting(value, inner(kind))
    if get_origin(kind) is Literal:
        text = "" if value is None else str(value)
        return text in get_args(kind), text
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return True, float(value)
    return type(value) is kind, value
