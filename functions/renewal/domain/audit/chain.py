"""The audit rows of a delegation as a chain: each has its number, and the hash of the row before.

A row is hashed as it is stored, so that a version which does not know all of its members computes the same hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from renewal.domain.order import FinishedOrder


def row_hash(item: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a stored row, in hexadecimal: of its JSON with sorted keys and without blanks."""
    text = json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_number)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _number(value: Any) -> int | str:
    """DynamoDB's numbers are Decimal; those of audit rows are whole."""
    return int(value) if value == int(value) else str(value)


def beginning(unnumbered: Iterable[Mapping[str, Any]]) -> str:
    """Return the hash that the first row of a chain has as its predecessor's: of all rows that were there before."""
    return hashlib.sha256("".join(sorted(map(row_hash, unnumbered))).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last row of a chain."""

    sequence: int
    """Its number; 0 = there is none yet."""
    hash: str
    """Its hash; of an empty chain, `beginning` of the rows without number."""

    def followed_by(self, row: FinishedOrder, identity: str) -> FinishedOrder:
        """Return *row* as the next one of the chain. *identity*: the function, or the operator's ARN, that adds it."""
        return replace(row, sequence=self.sequence + 1, previous_hash=self.hash, identity=identity)

    @classmethod
    def at(cls, item: Mapping[str, Any]) -> Self:
        """Return the head of a chain that ends in the stored row *item*."""
        return cls(int(item["sequence"]), row_hash(item))

    def __str__(self) -> str:
        """`<number>:<hash>`."""
        return f"{self.sequence}:{self.hash}"
