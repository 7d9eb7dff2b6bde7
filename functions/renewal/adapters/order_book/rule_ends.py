"""Records in the order book that a replacement rule has ended: what runs write under `#estate`, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from renewal.adapters.order_book.schema import replacement_key
from renewal.adapters.order_book.table import ConditionFailed, OrderTables, updated
from renewal.domain.replacement_rule import ReplacementRule
from renewal.records import timestamp


class DynamoDbRuleEnds:
    """`renewal.ports.order_book.RuleEnds` on the orders table."""

    def __init__(self, tables: OrderTables) -> None:
        self._table = tables.orders

    def end_replacement(self, rule: ReplacementRule, now: datetime) -> None:
        in_force = "attribute_exists(#item) AND attribute_not_exists(#ended_at)"
        values = {"now": timestamp(now)}
        with suppress(ConditionFailed):  # an earlier try has ended it, or the operator has cancelled it
            self._table.update(updated(replacement_key(rule), "SET #ended_at = :now", values, condition=in_force))
