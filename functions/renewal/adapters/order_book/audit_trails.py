"""The audit table: the rows of each delegation as a chain, and the head that each new row moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from renewal.adapters.order_book import schema
from renewal.adapters.order_book.table import Item, Request, Table, put
from renewal.domain.audit.chain import ChainHead, newest
from renewal.domain.errors import RecordUnreadable
from renewal.domain.order import FinishedOrder


class DynamoDbAuditTrails:
    """`renewal.audit_ports.AuditTrails`, and what adds to them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delegations(self) -> Iterator[str]:
        return iter(sorted(set(self._table.partitions())))

    def rows(self, delegation: str) -> Iterator[Item]:
        return self._table.query(delegation, schema.FINISHED_PREFIX)

    def head(self, delegation: str) -> ChainHead:
        return self.stored_head(delegation) or newest(self.rows(delegation))

    def stored_head(self, delegation: str) -> ChainHead | None:
        """Return the head as it is stored; None when it is missing or cannot be read."""
        return _head_in(self._head_item(delegation))

    def added(self, row: FinishedOrder, identity: str) -> list[Request]:
        """Return the writes that add *row* to its chain, unless another row has been added since the head was read.

        *identity*: see `ChainHead.followed_by`. A head that was lost or damaged is written again, from the newest row:
        it must not keep orders from ending. `certmandate audit verify` reports it.
        """
        stored = self._head_item(row.delegation)
        head = _head_in(stored) or newest(self.rows(row.delegation))
        item = schema.finished_item(head.followed_by(row, identity))
        moved = put(schema.head_item(row.delegation, ChainHead.at(item)), **_unchanged(stored))
        return [self._table.addressed(write) for write in (put(item), moved)]

    def _head_item(self, delegation: str) -> Item | None:
        return next(iter(self._table.query(delegation, schema.HEAD)), None)


def _head_in(item: Item | None) -> ChainHead | None:
    try:
        return schema.read(ChainHead, item, item) if item else None
    except RecordUnreadable:
        return None


def _unchanged(stored: Item | None) -> Mapping[str, Any]:
    """The condition that the head is as it was read: its number grows with every row."""
    if stored is None:
        return {}
    if "sequence" not in stored:
        return {"condition": "attribute_not_exists(#sequence)"}
    return {"condition": "#sequence = :read", "values": {"read": stored["sequence"]}}
