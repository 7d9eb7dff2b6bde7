"""Changes of what the order book has of a delegation, and of its endpoints: conditional, and harmless when repeated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from renewal import records
from renewal.adapters.order_book.reader import unknown
from renewal.adapters.order_book.schema import certificate_key, delegation_key, delegation_record, notices_of
from renewal.adapters.order_book.table import ConditionFailed, Item, Key, OrderTables, Request, updated
from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.observation import ServiceRecord
from renewal.domain.errors import OrderConflict
from renewal.domain.notices.notice import Notices, NoticesChange
from renewal.domain.order_search import SearchControl, SearchProof, SearchResult
from renewal.domain.setup.inspection import CredentialRefusal, DelegationRecord, Inspection

Changed = TypeVar("Changed", SearchProof, Notices)

_TRIES = 5  # of a change that follows from what was read


class DynamoDbDelegationTransitions:
    """`renewal.ports.order_book.DelegationTransitions` and `renewal.ports.notices.NoticeBook` on the orders table."""

    def __init__(self, tables: OrderTables) -> None:
        self._table = tables.orders

    def record_service(self, path: CertificatePath, record: ServiceRecord) -> None:
        change, values = "SET #service = :value", {"value": records.to_item(record)}
        with suppress(ConditionFailed):  # it was removed meanwhile
            self._table.update(updated(certificate_key(path), change, values, condition="attribute_exists(#item)"))

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        self._record(delegation, "inspection", inspection)

    def record_refusal(self, delegation: str, version: str, run_id: str, pending: str = "") -> None:
        self._record(delegation, "refusal", CredentialRefusal(version, run_id, pending))

    def record_search(
        self,
        delegation: str,
        control: SearchControl,
        result: SearchResult,
        *,
        last_read: DelegationRecord | None = None,
    ) -> None:
        if last_read:
            before = records.to_item(last_read.search_proof) if last_read.search_proof else None
            after = (last_read.search_proof or SearchProof()).after(control, result)
            with suppress(ConditionFailed):
                self._table.update(_replaced(delegation_key(delegation), "search_proof", before, after))
                return
        self._changed(delegation, "search_proof", _proof_of, lambda proof: proof.after(control, result))

    def change_notices(self, delegation: str, change: NoticesChange) -> Notices:
        return self._changed(delegation, "notices", notices_of, change)

    def _changed(
        self, delegation: str, attribute: str, read: Callable[[Item], Changed], change: Callable[[Changed], Changed]
    ) -> Changed:
        """Replace an attribute by what follows from it; read it again when it has changed in between."""
        key = delegation_key(delegation)
        for _ in range(_TRIES):
            item = self._table.read([key]).get(key)
            if item is None:
                raise unknown(delegation)
            before = read(item)
            after = change(before)
            if after == before:
                return after
            with suppress(ConditionFailed):
                self._table.update(_replaced(key, attribute, item.get(attribute), after))
                return after
        msg = f"'{attribute}' of {delegation} keeps changing"
        raise OrderConflict(msg)

    def _record(self, delegation: str, attribute: str, record: Inspection | CredentialRefusal) -> None:
        change, values = f"SET #{attribute} = :value", {"value": records.to_item(record)}
        try:
            self._table.update(updated(delegation_key(delegation), change, values, condition="attribute_exists(#item)"))
        except ConditionFailed:
            raise unknown(delegation) from None


def _proof_of(item: Item) -> SearchProof:
    """One of a newer version, or that cannot be read, counts as none: it is replaced."""
    return delegation_record(item).search_proof or SearchProof()


def _replaced(key: Key, attribute: str, before: Any, after: SearchProof | Notices) -> Request:
    """Replace an attribute of an existing item that is still *before*, as DynamoDB has it; None = not there."""
    is_same = f"attribute_not_exists(#{attribute})" if before is None else f"#{attribute} = :before"
    values = {"value": records.to_item(after)} | ({} if before is None else {"before": before})
    return updated(key, f"SET #{attribute} = :value", values, condition=f"attribute_exists(#item) AND {is_same}")
