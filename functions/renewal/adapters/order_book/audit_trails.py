"""The audit table: the rows of each delegation as a chain, and the head that each new row moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

from renewal.adapters.order_book import schema
from renewal.adapters.order_book.table import Item, Request, Table, put
from renewal.domain.audit.hash_chain import MOST_ROWS, ChainHead, newest, number_of
from renewal.domain.errors import RecordUnreadable
from renewal.domain.order import FinishedOrder

_ALWAYS_NUMBERED = (schema.ACKNOWLEDGED_PREFIX, schema.ACTION_PREFIX)
"""Prefixes of rows of which one without number does not count, and is no row of a chain."""


class DynamoDbAuditTrails:
    """`renewal.ports.audit.AuditTrails`, and what adds to them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delegations(self) -> Iterator[str]:
        return iter(sorted(set(self._table.partitions())))

    def rows(self, delegation: str) -> Iterator[Item]:
        chained = chain.from_iterable(self._table.query(delegation, prefix) for prefix in _ALWAYS_NUMBERED)
        return chain(self._table.query(delegation, schema.FINISHED_PREFIX), filter(number_of, chained))

    def head(self, delegation: str) -> ChainHead:
        return self.stored_head(delegation) or newest(self.rows(delegation))

    def stored_head(self, delegation: str) -> ChainHead | None:
        """Return the head as it is stored; None when it is missing or cannot be read."""
        return _head_in(self._head_item(delegation))

    def added(self, row: FinishedOrder, identity: str) -> list[Request]:
        """Return the writes that add *row* to its chain (see `extended`). *identity*: see `ChainHead.followed_by`."""
        return self.extended(row.delegation, lambda head: schema.finished_item(head.followed_by(row, identity)))

    def extended(self, delegation: str, follower: Callable[[ChainHead], Item]) -> list[Request]:
        """Return the writes that add a row to a chain, unless another row has been added since the head was read.

        *follower* returns the item that follows a head. A head that was lost or damaged is written again, from the
        newest row: it must not keep orders from ending. `certmandate audit verify` reports it.
        """
        stored = self._head_item(delegation)
        item = follower(_head_in(stored) or newest(self.rows(delegation)))
        moved = put(schema.head_item(delegation, ChainHead.at(item)), **_unchanged(stored))
        return [self._table.addressed(write) for write in (put(item), moved)]

    def _head_item(self, delegation: str) -> Item | None:
        return next(iter(self._table.query(delegation, schema.HEAD)), None)


def _head_in(item: Item | None) -> ChainHead | None:
    try:
        head = schema.read(ChainHead, item, item) if item else None
    except RecordUnreadable:
        return None
    return head if head and 0 <= head.sequence <= MOST_ROWS else None


def _unchanged(stored: Item | None) -> Mapping[str, Any]:
    """The condition that the head is as it was read: its number grows with every row."""
    if stored is None:
        return {}
    if not isinstance(stored.get("sequence"), Decimal):
        return {"condition": "NOT attribute_type(#sequence, :number)", "values": {"number": "N"}}
    return {"condition": "#sequence = :read", "values": {"read": stored["sequence"]}}
