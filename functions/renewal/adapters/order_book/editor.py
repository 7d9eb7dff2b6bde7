"""What operators' programs do with the order book; no function's role permits any of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from renewal.adapters.order_book import audit, items
from renewal.adapters.order_book.items import stamp
from renewal.adapters.order_book.reader import OrderBookReader, unknown
from renewal.adapters.order_book.revisions import asked_for, spec_updated, status_updated
from renewal.adapters.order_book.status import StoredCertificate
from renewal.adapters.order_book.table import ConditionFailed, Request, Table, checked, deleted, put, updated
from renewal.domain.delegation import Delegation
from renewal.domain.errors import InvalidDelegation, OrderConflict
from renewal.domain.order import Replacement, Served
from renewal.domain.specification import Specification

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_TRIES = 5  # of a write that rests on what was read a moment ago, while the functions write status


class OrderBookEditor:
    """Writes spec, and what a person may say about status: ask, adopt, replace everything."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)
        self._reader = OrderBookReader(self._table)

    def apply(self, specification: Specification, now: datetime) -> None:
        """Create or update a delegation and its certificates; status and what the file leaves out stay."""
        self._apply_delegation(specification.delegation, now)
        paths = [(spec.delegation, spec.name) for spec in specification.certificates]
        stored = self._reader.stored(paths)
        for path, spec in zip(paths, specification.certificates, strict=True):
            self._insist(path, stored.get(path), partial(spec_updated, spec, now=now))

    def _apply_delegation(self, delegation: Delegation, now: datetime) -> None:
        change = "SET #spec = :spec, #action = :action, #next_action_at = if_not_exists(#next_action_at, :now)"
        values = {
            "spec": items.delegation_spec(delegation),
            "action": items.DELEGATION,
            "now": stamp(now),
        }
        self._table.update(updated(items.delegation_key(delegation.name), change, values))

    def ask(self, delegation: str, certificate: str, reason: str, now: datetime) -> None:
        """Have a certificate replaced at the next run, whatever its age. Raises UnknownDelegation."""
        try:
            self._table.update(asked_for((delegation, certificate), reason, now))
        except ConditionFailed:
            raise unknown(delegation, certificate) from None

    def adopt(self, delegation: str, certificate: str, served: Served) -> None:
        """Take over a certificate that the stores hold already. Harmless when repeated.

        Raises UnknownDelegation, and InvalidDelegation when the order book has another certificate for it.
        """
        before = self._reader.stored_one(delegation, certificate)

        def adopted(before: StoredCertificate | None) -> Request | None:
            if before is None:
                raise unknown(delegation, certificate)
            if before.certificate.served == served:
                return None
            if before.certificate.served is not None:
                msg = (
                    f"{delegation}/{certificate} serves serial {before.certificate.served.serial} already; "
                    "only into a certificate that has none yet can one be taken over"
                )
                raise InvalidDelegation(msg)
            return status_updated(before, replace(before.certificate, served=served), served.stored_at)

        self._insist((delegation, certificate), before, adopted)

    def _insist(
        self,
        path: tuple[str, str],
        before: StoredCertificate | None,
        write: Callable[[StoredCertificate | None], Request | None],
    ) -> None:
        """Write what *write* makes of the record; when it changed meanwhile, read it again and once more."""
        for _ in range(_TRIES):
            request = write(before)
            try:
                return None if request is None else self._send(request)
            except ConditionFailed:
                before = self._reader.stored([path]).get(path)
        msg = f"{'/'.join(path)}: the record keeps changing; try again"
        raise OrderConflict(msg)

    def _send(self, request: Request) -> None:
        self._table.update(request)

    def remove(self, delegation: str, certificate: str) -> None:
        """Forget a certificate; its audit rows and what the stores hold stay. Raises UnknownDelegation.

        Raises OrderConflict while an order is open: the key of what may yet be issued is not thrown away.
        """
        idle = checked(items.order_key(delegation, certificate), condition="attribute_not_exists(#item)")
        gone = deleted(items.certificate_key(delegation, certificate), condition="attribute_exists(#item)")
        try:
            self._table.transact(idle, gone)
        except ConditionFailed:
            self._reader.stored_one(delegation, certificate)
            msg = f"{delegation}/{certificate} has an open order; remove it once the order has ended"
            raise OrderConflict(msg) from None

    def remove_delegation(self, delegation: str) -> None:
        """Forget a delegation. Raises UnknownDelegation, and InvalidDelegation while it has certificates."""
        if left := self._reader.certificates(delegation):
            names = ", ".join(certificate.spec.name for certificate in left)
            msg = f"'{delegation}' still has certificates: {names}; remove them first"
            raise InvalidDelegation(msg)
        try:
            self._table.transact(deleted(items.delegation_key(delegation), condition="attribute_exists(#item)"))
        except ConditionFailed:
            raise unknown(delegation) from None

    def add_replacement(self, replacement: Replacement) -> None:
        """Have everything replaced that it covers. Harmless when repeated."""
        try:
            self._table.transact(put(audit.replacement_item(replacement)))
        except ConditionFailed:
            return  # it stands already, with the reason that was given first

    def remove_replacement(self, replacement: Replacement) -> None:
        """Withdraw a standing order. Harmless when there is none."""
        try:
            self._table.transact(deleted(items.replacement_key(replacement), condition="attribute_exists(#item)"))
        except ConditionFailed:
            return
