"""Values in YAML or on a command line, read by the type of their field."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin


def expected_value(kind: Any) -> str:
    """Return the description of type *kind* for the error "must be …": `a number`, `one of a, b`."""
    if get_origin(kind) is Literal:
        choices = "one of " + ", ".join(str(choice) for choice in get_args(kind) if choice)
        return choices if all(get_args(kind)) else f"left out, or {choices}"
    if is_optional(kind):
        return f"{expected_value(without_none(kind))}, or nothing"
    if get_origin(kind) in (tuple, list):
        return "a list"
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", date: "a day"}
    return names.get(kind, "a mapping")


def is_optional(kind: Any) -> bool:
    """Return whether *kind* is a union with None."""
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def without_none(kind: Any) -> Any:
    """Return the type beside None in an optional *kind*."""
    return next(argument for argument in get_args(kind) if argument is not type(None))


def is_mapping(kind: Any) -> bool:
    """Return whether *kind* is a dict or a Mapping."""
    return (get_origin(kind) or kind) in (dict, Mapping)


def convert(value: object, kind: Any) -> tuple[bool, Any]:
    """Return whether *value*, a scalar as YAML reads it, fits *kind*, and the value to use."""
    if is_optional(kind):
        return (True, None) if value is None else convert(value, without_none(kind))
    if get_origin(kind) is Literal:
        text = "" if value is None else str(value)
        return text in get_args(kind), text
    if kind is float and type(value) is int:
        return True, float(value)
    return type(value) is kind, value
