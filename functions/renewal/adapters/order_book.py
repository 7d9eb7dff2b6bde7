"""The order book on DynamoDB: every move is one conditional write, so that two runs can't both make it (design §4).

When a condition fails, either somebody else was faster, or we were: DynamoDB's answer was lost and botocore wrote
again. So what stands there is compared with what was to be written before anybody is told OrderInOtherHands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from renewal.adapters import order_book_audit as audit
from renewal.adapters import order_book_items as items
from renewal.adapters.order_book_items import Item, StoredCertificate, stamp
from renewal.adapters.order_book_table import ConditionFailed, Request, Table, deleted, put, updated
from renewal.domain.certificate import Chain
from renewal.domain.due import next_action
from renewal.domain.errors import OrderInOtherHands, UnknownDelegation
from renewal.domain.order import ManagedCertificate, Order, OrderStatus, Replacement, Served
from renewal.ports import DelegationRecord, FinishedOrder, Inspection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_TRIES = 5  # of a write that rests on what was read a moment ago, against an operator who applies at that moment


def read_certificates(table: Table, paths: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredCertificate]:
    """Return the records that exist of *paths*, with their open orders, in the order of *paths*."""
    wanted = list(dict.fromkeys(paths))
    keys = [key for path in wanted for key in (items.certificate_key(*path), items.order_key(*path))]
    found = table.read(keys)
    return {
        path: items.stored_certificate(item, found.get(items.order_key(*path)))
        for path in wanted
        if (item := found.get(items.certificate_key(*path)))
    }


class DynamoDbOrderBook:
    """What the functions do with the order book: they read everything and write status, never spec."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    # ---- Reading -------------------------------------------------------------------------------------------------

    def delegations(self) -> Iterator[str]:
        """Names of all delegations."""
        return (delegation for delegation, _ in self._table.index(items.DELEGATION))

    def waiting(self, until: datetime) -> Iterator[tuple[str, str]]:
        """(delegation, certificate) of those whose next action is at or before *until*; costs what it returns."""
        return (_path(key) for key in self._table.index(items.CERTIFICATE, until))

    def every_certificate(self) -> Iterator[tuple[str, str]]:
        """(delegation, certificate) of all certificates."""
        return (_path(key) for key in self._table.index(items.CERTIFICATE))

    def replacements(self) -> tuple[Replacement, ...]:
        """Standing orders to replace."""
        return tuple(audit.replacement_from(item) for item in self._table.query(items.ESTATE, "replacement#"))

    def delegation(self, name: str) -> DelegationRecord:
        """Raises UnknownDelegation."""
        key = items.delegation_key(name)
        item = self._table.read([key]).get(key)
        if item is None:
            raise _unknown(name)
        return audit.delegation_record(item)

    def certificates(self, delegation: str) -> tuple[ManagedCertificate, ...]:
        """All of a delegation's certificates with their open orders."""
        orders = {item["item"]: item for item in self._table.query(delegation, "order#")}
        return tuple(
            items.stored_certificate(item, orders.get(items.order_key(*_path((delegation, item["item"])))[1])).certificate
            for item in self._table.query(delegation, f"{items.CERTIFICATE}#")
        )

    def load(self, paths: Iterable[tuple[str, str]]) -> tuple[ManagedCertificate, ...]:
        """The named certificates with their open orders; those that do not exist are left out."""
        return tuple(stored.certificate for stored in read_certificates(self._table, paths).values())

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        """Raises UnknownDelegation."""
        return self._read(delegation, name).certificate

    def _read(self, delegation: str, name: str) -> StoredCertificate:
        stored = read_certificates(self._table, [(delegation, name)]).get((delegation, name))
        if stored is None:
            raise _unknown(f"{delegation}/{name}")
        return stored

    def history(self, delegation: str, certificate: str) -> tuple[FinishedOrder, ...]:
        """Audit rows, oldest first; *certificate* empty = all of the delegation."""
        rows = self._table.query(delegation, audit.finished_prefix(certificate))
        return tuple(sorted((audit.finished_from(row) for row in rows), key=lambda row: row.ended_at))

    # ---- Moves of an open order ----------------------------------------------------------------------------------

    def open(self, order: Order) -> None:
        """Write the intent with its sealed key.

        Raises OrderInOtherHands when an order is open already, UnknownDelegation when the certificate does not exist.
        """
        look_again = updated(
            items.certificate_key(order.delegation, order.certificate),
            "SET #next_action_at = :now ADD #revision :one",
            {"now": stamp(order.opened_at), "one": 1},
            condition="attribute_exists(#item)",
        )
        try:
            self._table.transact(put(items.order_item(order)), look_again)
        except ConditionFailed:
            there = self._read(order.delegation, order.certificate).certificate.order
            if there is None or there.token != order.token:
                raise _in_other_hands(order, "another order is open, or was a moment ago") from None

    def claim_post(self, order: Order, now: datetime) -> Order:
        """Claim one more POST for an order whose answer was lost. Raises OrderInOtherHands when somebody else did.

        The claim has a random mark of its own, because here "somebody wrote the same" is not "we wrote it".
        """
        claim = str(uuid4())
        write = self._move(
            order,
            "SET #posts = :next, #posted_at = :now, #claim = :claim",
            {"next": order.posts + 1, "now": stamp(now), "claim": claim, "posts": order.posts},
            condition="#posts = :posts AND attribute_not_exists(#ssl_id)",
        )
        try:
            return items.order_from(self._table.update(write))
        except ConditionFailed as failure:
            if failure.found is None or failure.found.get("claim") != claim:
                raise _in_other_hands(order, "its next POST was claimed, or its SSL ID came to light") from None
            return items.order_from(failure.found)

    def record_look(self, order: Order, now: datetime) -> None:
        """Remember that SCM was searched for the order's latest POST and had nothing."""
        values = {"now": stamp(now), "posts": order.posts}
        condition = "#posts = :posts AND attribute_not_exists(#ssl_id)"
        self._advance(self._move(order, "SET #looked_at = :now", values, condition=condition), order)

    def record_ordered(self, order: Order, ssl_id: int) -> Order:
        """`intent → ordered`. Harmless when it is recorded with that number already."""
        write = self._move(
            order,
            "SET #status = :ordered, #ssl_id = :ssl_id",
            {"ordered": OrderStatus.ORDERED.value, "ssl_id": ssl_id},
            condition="attribute_not_exists(#ssl_id)",
        )
        try:
            return items.order_from(self._table.update(write))
        except ConditionFailed as failure:
            there = items.order_from(failure.found) if failure.found else None
            if there is None or (there.token, there.ssl_id) != (order.token, ssl_id):
                raise _in_other_hands(order, f"it is not open with SSL ID {ssl_id}") from None
            return there

    def record_confirmed(self, order: Order, now: datetime) -> None:
        """Remember when the details said that the order is really pending."""
        self._advance(self._move(order, "SET #confirmed_at = :now", {"now": stamp(now)}), order)

    def record_issued(self, order: Order, chain: Chain) -> Order:
        """`ordered → issued`, with the verified chain."""
        write = self._move(
            order,
            "SET #status = :issued, #chain = :chain",
            {"issued": OrderStatus.ISSUED.value, "ordered": OrderStatus.ORDERED.value, "chain": chain.pem()},
            condition="#status IN (:ordered, :issued)",
        )
        return self._advance(write, order)

    def record_import(self, order: Order, region: str, arn: str) -> Order:
        """Remember into which ARN a region's ACM took the new certificate."""
        write = self._move(
            order,
            "SET #arns.#region = :arn",
            {"arn": arn, "issued": OrderStatus.ISSUED.value},
            condition="#status = :issued",
            more_names={"region": region},
        )
        return self._advance(write, order)

    @staticmethod
    def _move(
        order: Order,
        change: str,
        values: dict[str, object],
        *,
        condition: str = "attribute_exists(#item)",
        more_names: dict[str, str] | None = None,
    ) -> Request:
        """A change of the open order, on condition that it still is this one."""
        return updated(
            items.order_key(order.delegation, order.certificate),
            change,
            values | {"token": order.token},
            condition=f"#token = :token AND {condition}",
            more_names=more_names,
        )

    def _advance(self, write: Request, order: Order) -> Order:
        """Send a move that does no harm when it is made twice."""
        try:
            return items.order_from(self._table.update(write))
        except ConditionFailed as failure:
            raise _in_other_hands(order, _seen(failure.found)) from None

    # ---- Ends of an order ----------------------------------------------------------------------------------------

    def finish(self, order: Order, served: Served, previous: Served | None) -> None:
        """`issued → stored`: audit row, new status, open order gone, in one transaction. Harmless when repeated."""

        def status(certificate: ManagedCertificate) -> tuple[ManagedCertificate, str]:
            fresh = replace(certificate, order=None, served=served, asked="", hold_until=None, failures=0, last_error="")
            return fresh, "REMOVE #asked, #hold_until, #last_error"

        self._end(order, audit.stored_order(order, served, previous), status, served.stored_at)
