"""The audit rows of a delegation as a chain: each has its number, and the hash of the row before.

A row is hashed as it is stored, so that a version which does not know all of its members computes the same hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self, TypeVar

from renewal.domain.audit.chained_row import ChainedRow

Row = TypeVar("Row", bound=ChainedRow)
MOST_ROWS = 10**12 - 1
"""Of a trail. DynamoDB cannot count on from a number of more than 38 digits, which a damaged head may have."""


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return *document* as JSON in the one form that is hashed and signed: sorted keys, no blanks, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), default=json_default).encode("ascii")


def json_default(value: Any) -> Any:
    """Return a value that JSON does not have, as it is hashed and exported.

    DynamoDB's numbers are Decimal; those of audit rows are whole. No row of ours has bytes or a set: one that has was
    written by someone else, and must not keep the others from being judged.
    """
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else str(value)
    return {type(value).__name__: sorted(map(repr, value)) if isinstance(value, set) else repr(value)}


def row_hash(item: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a stored row, in hexadecimal."""
    return hashlib.sha256(canonical(item)).hexdigest()


def number_of(item: Mapping[str, Any]) -> int:
    """Return the number of a stored row; 0 = it has none, as rows of earlier versions, or none that can be read."""
    number = item.get("sequence", 0)
    is_number = isinstance(number, int | Decimal) and not isinstance(number, bool)
    return int(number) if is_number and number == int(number) and 0 < number <= MOST_ROWS else 0


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

    def followed_by(self, row: Row, identity: str) -> Row:
        """Return *row* as the next one of the chain. *identity*: the function, or the operator's ARN, that adds it."""
        return replace(row, sequence=self.sequence + 1, previous_hash=self.hash, identity=identity)

    @classmethod
    def at(cls, item: Mapping[str, Any]) -> Self:
        """Return the head of a chain that ends in the stored row *item*."""
        return cls(int(item["sequence"]), row_hash(item))

    def followers(self, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the stored *rows* with which the chain goes on, in order; it ends where a hash does not match."""
        head, followers = self, []
        for row in sorted(rows, key=number_of):
            if (number_of(row), row.get("previous_hash")) == (head.sequence + 1, head.hash):
                head = ChainHead.at(row)
                followers.append(row)
        return followers

    def __str__(self) -> str:
        """`<number>:<hash>`."""
        return f"{self.sequence}:{self.hash}"


def newest(rows: Iterable[Mapping[str, Any]]) -> ChainHead:
    """Return the head of a chain of which only the stored *rows* are known."""
    every = list(rows)
    last = max(every, key=number_of, default={})
    return ChainHead.at(last) if number_of(last) else ChainHead(0, beginning(every))
