"""What a maker gets and gives: the stack that it makes the resource in, and what the resource answers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.cloudformation.resources.properties import Properties


@dataclass(frozen=True)
class Made:
    """A resource that exists: what Ref and Fn::GetAtt give for it."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Stack(Protocol):
    """What a maker has of the stack."""

    artifacts: Mapping[str, bytes]

    def client(self, service: str) -> Any:
        """Return the stack's boto3 client of a service."""

    def physical(self, logical_id: str) -> str:
        """Return the name of a resource to which the template gives none."""


Maker = Callable[[Properties, Stack], Made]


def tags(properties: Properties) -> list[dict[str, str]]:
    """Take `Tags`, whether the template writes them as a list or as a map."""
    given = properties.take("Tags", [])
    if isinstance(given, dict):
        return [{"Key": key, "Value": str(value)} for key, value in given.items()]
    return [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in given]


def lower(value: Any) -> Any:
    """Return a structure with member names as Step Functions' and Logs' APIs write them (`firstLower`)."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: lower(item) for name, item in value.items()}
    return [lower(item) for item in value] if isinstance(value, list) else value
