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


Maker = Callable[[Properties, Stack], Made]
