"""DynamoDB's attribute values: text, numbers, booleans, bytes, None, lists, maps, and sets, which are only read.

In place of `boto3.dynamodb.types`, with which all of boto3 is imported: a sixth of a cold start.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def to_wire(value: Any) -> dict[str, Any]:
    """Return *value* as an attribute value. Raises TypeError for another type, such as a float."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": {name: to_wire(member) for name, member in value.items()}}
        case list() | tuple():
            return {"L": [to_wire(element) for element in value]}
        case None:
            return {"NULL": True}
        case _:
            msg = f"a {type(value).__name__} is not stored"
            raise TypeError(msg)


def from_wire(value: Mapping[str, Any]) -> Any:
    """Return what an attribute value is. Raises TypeError and ValueError for what DynamoDB does not have.

    No attribute of the tables is a set; one is read all the same, so that its item alone is unreadable.
    """
    ((kind, content),) = value.items()
    match kind:
        case "S" | "B" | "BOOL":
            return content
        case "N":
            return Decimal(content)
        case "M":
            return {name: from_wire(member) for name, member in content.items()}
        case "L":
            return [from_wire(element) for element in content]
        case "SS" | "BS":
            return set(content)
        case "NS":
            return set(map(Decimal, content))
        case "NULL":
            return None
        case _:
            msg = f"an attribute value of type {kind} is not read"
            raise TypeError(msg)
