"""Changes of what the order book has of a delegation, and of its endpoints: conditional, and harmless when repeated."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from renewal import records
from renewal.adapters.order_book.reader import DynamoDbOrderReader, unknown
from renewal.adapters.order_book.schema import certificate_key, delegation_key, delegation_record, notices_of
from renewal.adapters.order_book.table import ConditionFailed, Item, Key, OrderTables, Request, updated
from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.observation import ServiceRecord
from renewal.domain.errors import OrderConflict
from renewal.domain.notices.notice import Notices, NoticesChange
from renewal.domain.order_search import SearchControl, SearchProof, SearchResult
from renewal.domain.setup.inspection import CredentialRefusal, DelegationRecord, Inspection

_TRIES = 5  # of a change that follows from what was read


class DynamoDbDelegationTransitions:
    """`renewal.ports.order_book.DelegationTransitions` and `renewal.ports.notices.NoticeBook` on the orders table."""

    def __init__(self, tables: OrderTables) -> None:
        self._table = tables.orders
        self._reader = DynamoDbOrderReader(tables)

    def record_service(self, path: CertificatePath, record: ServiceRecord) -> None:
        change, values = "SET #service = :value", {"value": records.to_item(record)}
        with suppress(ConditionFailed):  # it was removed meanwhile
            self._table.update(updated(certificate_key(path), change, values, condition="attribute_exists(#item)"))

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        self._record(delegation, "inspection", inspection)

    def record_refusal(self, delegation: str, version: str, run_id: str, pending: str = "") -> None:
        self._record(delegation, "refusal", CredentialRefusal(version, run_id, pending))

    def record_search(
        self, delegation: str, control: SearchControl, result: SearchResult, *, read: DelegationRecord | None = None
    ) -> None:
        for _ in range(_TRIES):
            proof, before = _proof_in(read) if read else self._stored_proof(delegation)
            read, after = None, records.to_item((proof or SearchProof()).after(control, result))
            try:
                self._table.update(_replaced(delegation_key(delegation), "search_proof", before, after))
            except ConditionFailed:
                continue
            return
        msg = f"the proof of the search for orders of {delegation} keeps changing"
        raise OrderConflict(msg)

    def _stored_proof(self, delegation: str) -> tuple[SearchProof | None, Item | None]:
        """The proof, and how it is stored: a newer version's, or one that cannot be read, is replaced, too."""
        key = delegation_key(delegation)
        item = self._table.read([key]).get(key)
        if item is None:
            raise unknown(delegation)
        return delegation_record(item).search_proof, item.get("search_proof")

    def change_notices(self, delegation: str, change: NoticesChange) -> Notices:
        key = delegation_key(delegation)
        for _ in range(_TRIES):
            item = self._table.read([key]).get(key)
            if item is None:
                raise unknown(delegation)
            before = notices_of(item)
            after = change(before)
            if after == before:
                return before
            try:
                self._table.update(_replaced(key, "notices", item.get("notices"), records.to_item(after)))
            except ConditionFailed:
                continue
            return after
        msg = f"the record of the notices of {delegation} keeps changing"
        raise OrderConflict(msg)

    def _record(self, delegation: str, attribute: str, record: Inspection | CredentialRefusal) -> None:
        change, values = f"SET #{attribute} = :value", {"value": records.to_item(record)}
        try:
            self._table.update(updated(delegation_key(delegation), change, values, condition="attribute_exists(#item)"))
        except ConditionFailed:
            raise unknown(delegation) from None


def _replaced(key: Key, attribute: str, before: Any, after: Any) -> Request:
    """Replace an attribute of an existing item that is still *before*, as DynamoDB has it; None = not there."""
    is_same = f"attribute_not_exists(#{attribute})" if before is None else f"#{attribute} = :before"
    values = {"value": after} | ({} if before is None else {"before": before})
    return updated(key, f"SET #{attribute} = :value", values, condition=f"attribute_exists(#item) AND {is_same}")


def _proof_in(record: DelegationRecord) -> tuple[SearchProof | None, Item | None]:
    proof = record.search_proof
    return proof, None if proof is None else records.to_item(proof)
