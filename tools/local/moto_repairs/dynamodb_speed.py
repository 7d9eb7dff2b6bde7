"""DynamoDB's answers, without what makes moto slow: the only change of moto that is for speed (docs/decisions.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from local.moto_repairs.repairs import Repairs


@contextmanager
def attribute_values_are_serialized_once(_: Repairs) -> Iterator[None]:
    """Serialize the one member that an attribute value has; moto searches for all ten under five spellings each."""
    from moto.core.serialize import JSONSerializer

    original = JSONSerializer._serialize_type_structure

    def structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if not _is_attribute_value(shape, value):
            original(serializer, serialized, value, shape, key)
            return
        serialized[key] = _serialized(serializer, value, shape)

    with patch.object(JSONSerializer, "_serialize_type_structure", structure):
        yield


def _is_attribute_value(shape: Any, value: Any) -> bool:
    """Return whether it is DynamoDB's: other services have shapes of that name."""
    return shape.name == "AttributeValue" and "NULL" in shape.members and isinstance(value, dict) and len(value) == 1


def _serialized(serializer: Any, value: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    kind, content = next(iter(value.items()))
    if kind == "M":
        return {kind: {name: _serialized(serializer, inner, shape) for name, inner in content.items()}}
    if kind == "L":
        return {kind: [_serialized(serializer, inner, shape) for inner in content]}
    wrapper: dict[str, Any] = {}
    serializer._serialize(wrapper, content, shape.members[kind], kind)
    return wrapper
