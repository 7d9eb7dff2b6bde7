"""What an operator changes in the order book besides specs: requests, adopted certificates, rules, acknowledgements.

No function's role permits any of it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from renewal.adapters.order_book import schema
from renewal.adapters.order_book.reader import DynamoDbOrderReader, unknown
from renewal.adapters.order_book.table import ConditionFailed, OrderTables, deleted, put, updated
from renewal.adapters.order_book.transitions import status_updated
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import CertificatePath
from renewal.domain.due import EVERY_RUN
from renewal.domain.errors import InvalidDelegation, OrderConflict
from renewal.domain.order import ManagedCertificate, Served
from renewal.domain.permission import OrderAgain
from renewal.domain.replacement.rule import Replacement
from renewal.domain.setup.foreign_orders import Acknowledgement
from renewal.records import timestamp, to_item

_TRIES = 5  # of a write that follows from what was read, while functions write status


class OrderBookEditor:
    """Writes what *operator*, an ARN, may change of status."""

    def __init__(self, tables: OrderTables, operator: str = "") -> None:
        self._operator = operator
        self._table, self._audit = tables.orders, tables.audit
        self._reader = DynamoDbOrderReader(tables)

    def ask(self, delegation: str, certificate: str, reason: str) -> None:
        """Have a certificate replaced by the next run, whatever its age. Raises UnknownDelegation."""
        write = updated(
            schema.certificate_key(CertificatePath(delegation, certificate)),
            "SET #asked = :reason, #next_action_at = :every_run ADD #revision :step",
            {"reason": reason, "every_run": timestamp(EVERY_RUN), "step": 1},
            condition="attribute_exists(#item)",
        )
        try:
            self._table.update(write)
        except ConditionFailed:
            raise unknown(delegation, certificate) from None

    def permit_order_again(self, certificate: ManagedCertificate, reason: str, now: datetime) -> None:
        """Permit one POST although SCM may have the order. Raises OrderConflict when *certificate* has changed."""
        posts = certificate.order.posts if certificate.order else 0
        permission = OrderAgain(reason, self._operator, now, certificate.revision, posts)
        write = updated(
            schema.certificate_key(certificate.spec.record_key),
            "SET #order_again = :permission",
            {"permission": to_item(permission), "read": certificate.revision},
            condition="#revision = :read",
        )
        try:
            self._table.update(write)
        except ConditionFailed:
            msg = f"{certificate.spec.path}: the record has changed meanwhile; nothing was permitted, try again"
            raise OrderConflict(msg) from None

    def request_revocation(self, delegation: str, certificate: str, request: RevocationRequest) -> None:
        """Keep a revocation that the RAO was asked for: it is open until SCM shows it. Harmless when repeated."""
        for _ in range(_TRIES):
            before = self._reader.certificate(delegation, certificate)
            if request.serial in {each.serial for each in before.revocations}:
                return
            write = updated(
                schema.certificate_key(before.spec.record_key),
                "SET #revocations = :requests ADD #revision :step",
                {
                    "requests": [to_item(each) for each in (*before.revocations, request)],
                    "read": before.revision,
                    "step": 1,
                },
                condition="attribute_exists(#item) AND #revision = :read",
            )
            with suppress(ConditionFailed):
                self._table.update(write)
                return
        msg = f"{delegation}/{certificate}: the record keeps changing; try again"
        raise OrderConflict(msg)

    def adopt(self, delegation: str, certificate: str, served: Served) -> None:
        """Take over a certificate that the stores hold already. Harmless when repeated.

        It replaces only an older certificate, which a restored table has. Raises UnknownDelegation, and
        InvalidDelegation when the order book has another certificate for it.
        """
        for _ in range(_TRIES):
            before = self._reader.certificate(delegation, certificate)
            if before.served == served:
                return
            if before.served is not None and served.not_before <= before.served.not_before:
                msg = (
                    f"{before.spec.path} serves serial {printed_serial(before.served.serial)} already; "
                    "a certificate can be adopted only where none is served, or where an older one is served"
                )
                raise InvalidDelegation(msg)
            try:
                self._table.update(status_updated(before, replace(before, served=served), served.stored_at))
            except ConditionFailed:
                continue
            return
        msg = f"{delegation}/{certificate}: the record keeps changing; try again"
        raise OrderConflict(msg)

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Record that an order at SCM is the organisation's own. The first record of an order stays."""
        with suppress(ConditionFailed):
            self._audit.transact(put(schema.acknowledged_item(acknowledgement)))

    def add_replacement(self, replacement: Replacement) -> None:
        """Have everything replaced that the rule covers. When the rule exists, its first reason stays."""
        with suppress(ConditionFailed):
            self._table.transact(put(schema.replacement_item(replacement)))

    def remove_replacement(self, replacement: Replacement) -> None:
        """Withdraw a replacement rule. Harmless when there is none."""
        with suppress(ConditionFailed):
            self._table.transact(deleted(schema.replacement_key(replacement), condition="attribute_exists(#item)"))
