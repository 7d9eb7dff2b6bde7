"""Changes the order book: every change is one conditional write, so that two runs cannot both make it.

When a condition fails, either another run was faster, or this write succeeded and DynamoDB's response was lost, so that
botocore repeated it. So the item is compared with what was to be written before OrderConflict is raised.

Spec and status have different writers and different attributes. But both decide `next_action_at`: a status written
over a spec that has changed would hide the change until the next renewal. So each write that follows from what was
read of a certificate raises `revision`, and requires the one that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.delegation_transitions import DynamoDbDelegationTransitions
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.schema import (
    certificate_key,
    ended_attributes,
    open_order,
    order_attributes,
    order_key,
    status_attributes,
)
from renewal.adapters.order_book.table import ConditionFailed, Item, OrderTables, Request, assigned, updated
from renewal.domain.due import EVERY_RUN, next_action, with_stored
from renewal.domain.errors import OrderConflict, StoreUnavailable, shortened
from renewal.domain.order import (
    IMPORT_LEASE,
    RELEASED,
    FinishedOrder,
    ManagedCertificate,
    Order,
    OrderStatus,
    StoredCertificate,
)
from renewal.records import timestamp

if TYPE_CHECKING:
    from renewal.domain.certificate.chain import Chain

_TRIES = 5  # to end an order while an operator applies a new spec
_ISSUED = {"issued": OrderStatus.ISSUED.value}
_UNCONFIRMED = "#posts = :post AND attribute_not_exists(#ssl_id)"


class DynamoDbOrderTransitions(DynamoDbDelegationTransitions):
    """`renewal.ports.order_book.OrderTransitions` and `renewal.ports.notices.NoticeBook` on the two tables.

    *identity*: who ends orders, for the audit trail.
    """

    def __init__(self, tables: OrderTables, identity: str = "") -> None:
        self._identity = identity
        self._table, self._audit = tables.orders, tables.audit
        self._trails = DynamoDbAuditTrails(tables.audit)
        self._reader = DynamoDbOrderReader(tables)

    # ---- Open orders ---------------------------------------------------------------------------------------------

    def open(self, order: Order, revision: int) -> None:
        attributes = order_attributes(order)
        opened = assigned(order_key(order.record_key), attributes, condition="attribute_not_exists(#token)", values={})
        changed = updated(
            certificate_key(order.record_key),
            "SET #next_action_at = :every_run, #revision = :next",
            {"every_run": timestamp(EVERY_RUN), "next": revision + 1, "read": revision},
            condition="#revision = :read",
        )
        try:
            return self._table.transact(opened, changed)
        except ConditionFailed:
            current = self._reader.certificate(*order.record_key).order
        if current is None or current.token != order.token:
            raise _conflict(order, "another order is open, or the certificate's record has changed")
        return None

    def claim_post(self, order: Order, now: datetime, run_id: str, reason: str = "") -> Order:
        claim = str(uuid4())  # random, because an equal item does not show which run wrote it
        post = {"posts": order.posts + 1, "posted_at": timestamp(now), "posted_by": run_id, "claim": claim}
        return self._change(
            order,
            {**post, "reason": reason} if reason else post,
            condition=_UNCONFIRMED,
            values={"post": order.posts},
            is_done=lambda item: item.get("claim") == claim,
        )

    def note_unconfirmed(self, order: Order, *, searched_at: datetime | None = None, lost_answer: str = "") -> None:
        noted = {"looked_at": searched_at and timestamp(searched_at), "lost_answer": lost_answer}
        noted = {name: value for name, value in noted.items() if value}
        self._change(order, noted, condition=_UNCONFIRMED, values={"post": order.posts})

    def note(
        self,
        order: Order,
        *,
        confirmed_at: datetime | None = None,
        found_at: datetime | None = None,
        missed_at: datetime | None = None,
        scm_status: str | None = None,
        storing_error: str | None = None,
    ) -> None:
        times = {"confirmed_at": confirmed_at, "found_at": found_at, "missed_at": missed_at}
        texts = {"scm_status": scm_status, "trouble": storing_error}
        noted = {name: timestamp(time) for name, time in times.items() if time}
        if noted := noted | {name: text for name, text in texts.items() if text}:
            self._change(order, noted)

    def record_ordered(self, order: Order, ssl_id: int) -> Order:
        return self._change(
            order,
            {"status": OrderStatus.ORDERED.value, "ssl_id": ssl_id},
            condition="attribute_not_exists(#ssl_id)",
            is_done=lambda item: item.get("ssl_id") == ssl_id,
        )

    def record_issued(self, order: Order, chain: Chain, now: datetime) -> Order:
        return self._change(
            order,
            {"status": OrderStatus.ISSUED.value, "chain": chain.pem(), "issued_at": timestamp(now)},
            condition="#status IN (:ordered, :status)",
            values={"ordered": OrderStatus.ORDERED.value},
        )

    def claim_import(self, order: Order, region: str, now: datetime) -> Order:
        free = "(attribute_not_exists(#importing.#region) OR #importing.#region < :over)"
        return self._change(
            order,
            {"importing": timestamp(now)},
            region=region,
            condition=f"#status = :issued AND attribute_not_exists(#arns.#region) AND {free}",
            values={"over": timestamp(now - IMPORT_LEASE), **_ISSUED},
            is_done=lambda item: region not in item["arns"] and item["importing"].get(region) == timestamp(now),
        )

    def release_import(self, order: Order, region: str) -> None:
        self._change(order, {"importing": timestamp(RELEASED)}, region=region)

    def record_import(self, order: Order, region: str, arn: str) -> Order:
        return self._change(order, {"arns": arn}, region=region, condition="#status = :issued", values=_ISSUED)

    def record_stores(self, order: Order, stores: tuple[str, ...]) -> Order:
        return self._change(order, {"stores": list(stores)}, condition="#status = :issued", values=_ISSUED)

    def _change(
        self,
        order: Order,
        attributes: Mapping[str, Any],
        *,
        region: str = "",
        condition: str = "attribute_exists(#item)",
        values: Mapping[str, Any] = MappingProxyType({}),
        is_done: Callable[[Item], bool] = lambda _item: False,
    ) -> Order:
        """Set *attributes*, or their entry for *region*, if the open order is still *order*; return it as it is now.

        *is_done* returns whether an order that failed the condition is already as it was to become.
        """
        entry = ".#region" if region else ""
        write = updated(
            order_key(order.record_key),
            "SET " + ", ".join(f"#{name}{entry} = :{name}" for name in attributes),
            {**attributes, **values, "token": order.token},
            condition=f"#token = :token AND {condition}",
            more_names={"region": region} if region else None,
        )
        try:
            return open_order(self._table.update(write))
        except ConditionFailed as failure:
            found = failure.found
        if found is None or found.get("token") != order.token:
            raise _conflict(order, "it is not open any more")
        now = open_order(found)
        if not is_done(found):
            raise _conflict(order, f"it is {now.status} now, with {now.posts} POST(s)")
        return now

    # ---- Ends of orders ------------------------------------------------------------------------------------------

    def finish(
        self,
        order: Order,
        stored: StoredCertificate,
        previous: StoredCertificate | None,
        text: str = "",
        *,
        last_read: ManagedCertificate | None = None,
    ) -> None:
        self._end(
            replace(order, status=OrderStatus.ISSUED),
            order.stored_row(stored, previous, text),
            lambda certificate: with_stored(certificate, order, stored),
            last_read,
        )

    def fail(
        self,
        order: Order,
        error: str,
        text: str,
        now: datetime,
        hold_until: datetime | None,
        *,
        last_read: ManagedCertificate | None = None,
    ) -> None:
        self._end(
            order,
            order.failed_row(error, text, now),
            lambda certificate: replace(
                certificate,
                order=None,
                asked_reason=""
                if hold_until
                else certificate.asked_reason,  # a declined order answers the operator's request
                hold_until=hold_until,
                failures=certificate.failures + 1,
                last_error=error,
                last_error_text=shortened(text),
                failed_at=now,
            ),
            last_read,
        )

    def _end(
        self,
        order: Order,
        row: FinishedOrder,
        becomes: Callable[[ManagedCertificate], ManagedCertificate],
        last_read: ManagedCertificate | None,
    ) -> None:
        """End *order* as *row*; repeat it when the spec, on which the next action depends, changes meanwhile.

        A restored table may have an order as open that had ended: its row stays the only one, whatever ends it now if
        it was stored.
        """
        close = assigned(
            order_key(order.record_key),
            ended_attributes(order),
            condition="#token = :token AND #status = :status AND #posts = :posts",
            values={"token": order.token, "status": order.status.value, "posts": order.posts},
        )
        has_ended = order.may_be_restored(row.ended_at) and self._has_ended(order, {row.status, OrderStatus.STORED})
        known = replace(last_read, order=order) if last_read else None
        for _ in range(_TRIES):
            certificate = known or self._reader.certificate(*order.record_key)
            if certificate.order is None or _state(certificate.order) != _state(order):
                if self._has_ended(order, {row.status}):
                    return None  # an earlier try, whose response was lost, has ended it in the same way
                raise _conflict(order, f"it is not open as {order.status.value} any more")
            known, status = None, status_updated(certificate, becomes(certificate), row.ended_at)
            try:
                return self._table.transact(
                    *([] if has_ended else self._trails.added(row, self._identity)), close, status
                )
            except ConditionFailed:
                continue  # the next read shows why
            except StoreUnavailable as busy:
                # Another order of the delegation, which moves the chain's head, too. A refusal by SCM that is not
                # recorded now would be taken for a lost answer.
                if not busy.had_no_effect:
                    raise
        raise _conflict(order, "its certificate's record keeps changing")

    def _has_ended(self, order: Order, statuses: Collection[OrderStatus]) -> bool:
        """Return whether the audit trail has *order* as ended in one of *statuses*."""
        rows = self._reader.history(*order.record_key)
        return any(row.token == order.token and row.status in statuses for row in rows)


def status_updated(before: ManagedCertificate, after: ManagedCertificate, now: datetime) -> Request:
    """Write what of the status differs *after*, if the record is still as *before*."""
    was = status_attributes(before)
    attributes = {name: value for name, value in status_attributes(after).items() if value != was[name]} | {
        "next_action_at": timestamp(next_action(after, now)),
        "revision": before.revision + 1,
    }
    key = certificate_key(after.spec.record_key)
    return assigned(key, attributes, condition="#revision = :read", values={"read": before.revision})


def _state(order: Order) -> tuple[str, OrderStatus, int]:
    return order.token, order.status, order.posts


def _conflict(order: Order, why: str) -> OrderConflict:
    return OrderConflict(f"order {order.token} of {order.path}: {why}")
