"""The order book on DynamoDB: every move is one conditional write, so that two runs can't both make it.

When a condition fails, somebody else was faster; or we were, and botocore wrote again because DynamoDB's
answer was lost. So what stands there is compared with what was to be written before OrderConflict is
raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from renewal.adapters.order_book import audit
from renewal.adapters.order_book.inspection import inspection_map
from renewal.adapters.order_book.items import (
    Item,
    certificate_key,
    delegation_key,
    order_key,
    stamp,
)
from renewal.adapters.order_book.reader import OrderBookReader, unknown
from renewal.adapters.order_book.revisions import status_updated
from renewal.adapters.order_book.status import StoredCertificate, order_from, order_item
from renewal.adapters.order_book.table import ConditionFailed, Table, deleted, put, updated
from renewal.domain.certificate import Chain
from renewal.domain.errors import OrderConflict
from renewal.domain.order import GIVEN_UP, IMPORT_LEASE, FinishedOrder, ManagedCertificate, Order, OrderStatus, Served
from renewal.domain.setup.inspection import Inspection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""Next action of a certificate with an open order: seen by every run, even if a wrong clock dated the order ahead."""

_TRIES = 5  # to end an order while an operator applies a new spec at the very moment
_NOT_ANSWERED = "#posts = :posts AND attribute_not_exists(#ssl_id)"


class DynamoDbOrderBook(OrderBookReader):
    """What the functions do with the order book: they read everything and write status, never spec."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        super().__init__(Table(client, table))
        self._revisions: dict[tuple[str, str], int] = {}

    def stored(self, paths: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredCertificate]:
        """Remember the revisions: `open` rests on what was read before it."""
        found = super().stored(paths)
        self._revisions.update({path: stored.revision for path, stored in found.items()})
        return found

    # ---- Moves of an open order ------------------------------------------------------------------------

    def open(self, order: Order) -> None:
        """Write the intent with its sealed key, and have the certificate looked at again from now on.

        Only if the certificate is still as this book has read it: a run that found it due, and was slow from
        there on, must not order what another run has ordered and stored meanwhile. Raises OrderConflict
        then, and while an order is open; UnknownDelegation without such a certificate.
        """
        path = (order.delegation, order.certificate)
        seen = self._revisions[path] if path in self._revisions else self.stored_one(*path).revision
        look_again = updated(
            certificate_key(order.delegation, order.certificate),
            "SET #next_action_at = :at_once, #revision = :next",
            {"at_once": stamp(AT_ONCE), "next": seen + 1, "seen": seen},
            condition="#revision = :seen",
        )
        try:
            return self._table.transact(put(order_item(order)), look_again)
        except ConditionFailed:
            there = self.certificate(order.delegation, order.certificate).order
        if there is None or there.token != order.token:
            raise _conflict(order, "another order is open, or the certificate's record has changed")
        return None

    def claim_post(self, order: Order, now: datetime) -> Order:
        """Claim one more POST for an order whose answer was lost.

        Raises OrderConflict when somebody else did. The claim has a random mark, because here "the same
        stands there" does not mean that we wrote it.
        """
        claim = str(uuid4())
        change = "SET #posts = :next, #posted_at = :now, #claim = :claim"
        values = {"next": order.posts + 1, "now": stamp(now), "claim": claim, "posts": order.posts}
        return self._move(
            order,
            change,
            values,
            condition=_NOT_ANSWERED,
            is_done=lambda found: found.get("claim") == claim,
        )

    def record_look(self, order: Order, now: datetime) -> None:
        """Remember that SCM was searched for the order's latest POST and had nothing."""
        values = {"now": stamp(now), "posts": order.posts}
        self._move(order, "SET #looked_at = :now", values, condition=_NOT_ANSWERED)

    def record_ordered(self, order: Order, ssl_id: int) -> Order:
        """`intent → ordered`. Harmless when it is recorded with that number already."""
        return self._move(
            order,
            "SET #status = :ordered, #ssl_id = :ssl_id",
            {"ordered": OrderStatus.ORDERED.value, "ssl_id": ssl_id},
            condition="attribute_not_exists(#ssl_id)",
            is_done=lambda found: found.get("ssl_id") == ssl_id,
        )

    def record_confirmed(self, order: Order, now: datetime) -> None:
        """Remember when the details said that the order is really pending."""
        self._move(order, "SET #confirmed_at = :now", {"now": stamp(now)})

    def record_trouble(self, order: Order, error: str) -> None:
        """Remember the name of the error for which what SCM issued was not stored."""
        self._move(order, "SET #trouble = :error", {"error": error})

    def record_issued(self, order: Order, chain: Chain) -> Order:
        """`ordered → issued`, with the verified chain."""
        return self._move(
            order,
            "SET #status = :issued, #chain = :chain",
            {"issued": OrderStatus.ISSUED.value, "ordered": OrderStatus.ORDERED.value, "chain": chain.pem()},
            condition="#status IN (:ordered, :issued)",
        )

    def claim_import(self, order: Order, region: str, now: datetime) -> Order:
        """Claim the first import into a region's ACM. Raises OrderConflict while another claim may be at work."""
        values = {"now": stamp(now), "over": stamp(now - IMPORT_LEASE), "issued": OrderStatus.ISSUED.value}
        free = "(attribute_not_exists(#importing.#region) OR #importing.#region < :over)"
        return self._move(
            order,
            "SET #importing.#region = :now",
            values,
            condition=f"#status = :issued AND attribute_not_exists(#arns.#region) AND {free}",
            more_names={"region": region},
            is_done=lambda found: region not in found["arns"] and found["importing"].get(region) == stamp(now),
        )

    def give_up_import(self, order: Order, region: str) -> None:
        """Give the claim back after a failed import, for the next try not to wait."""
        change, values = "SET #importing.#region = :given_up", {"given_up": stamp(GIVEN_UP)}
        self._move(order, change, values, more_names={"region": region})

    def record_import(self, order: Order, region: str, arn: str) -> Order:
        """Remember into which ARN a region's ACM took the new certificate."""
        return self._move(
            order,
            "SET #arns.#region = :arn",
            {"arn": arn, "issued": OrderStatus.ISSUED.value},
            condition="#status = :issued",
            more_names={"region": region},
        )

    def _move(
        self,
        order: Order,
        change: str,
        values: dict[str, Any],
        *,
        condition: str = "attribute_exists(#item)",
        more_names: dict[str, str] | None = None,
        is_done: Callable[[Item], bool] = lambda _found: False,
    ) -> Order:
        """Change the open order, provided that it still is this one; return it as it is now.

        *is_done* says of an order that failed the condition whether it has moved already as we wanted.
        """
        key, condition = order_key(order.delegation, order.certificate), f"#token = :token AND {condition}"
        write = updated(key, change, values | {"token": order.token}, condition=condition, more_names=more_names)
        try:
            return order_from(self._table.update(write))
        except ConditionFailed as failure:
            found = failure.found
        if found is None or found["token"] != order.token:
            raise _conflict(order, "it is not open any more")
        if not is_done(found):
            raise _conflict(order, f"it is {found['status']} now, with {found['posts']} POST(s)")
        return order_from(found)

    # ---- Ends of an order ------------------------------------------------------------------------------

    def finish(self, order: Order, served: Served, previous: Served | None, text: str = "") -> None:
        """`issued → stored`: audit row, status, no open order, in one transaction. Harmless when repeated."""
        self._end(
            replace(order, status=OrderStatus.ISSUED),
            audit.stored_order(order, served, previous, text),
            lambda certificate: ManagedCertificate(certificate.spec, served),
        )

    def fail(self, order: Order, error: str, text: str, now: datetime, hold_until: datetime | None) -> None:
        """`→ failed`: audit row, open order and its key gone, in one transaction. Harmless when repeated.

        Only from the state in which the caller knows it: an order whose SSL ID has come to light stays open.
        """
        self._end(
            order,
            audit.failed_order(order, error, text, now),
            lambda certificate: replace(
                certificate,
                order=None,
                asked="" if hold_until else certificate.asked,  # a "no" answers what was asked
                hold_until=hold_until,
                failures=certificate.failures + 1,
                last_error=error,
            ),
        )

    def _end(
        self, order: Order, row: FinishedOrder, becomes: Callable[[ManagedCertificate], ManagedCertificate]
    ) -> None:
        """End *order* as *row* says; again when the spec, on which the next action rests, changes."""
        close = deleted(
            order_key(order.delegation, order.certificate),
            condition="#token = :token AND #status = :status AND #posts = :posts",
            values={"token": order.token, "status": order.status.value, "posts": order.posts},
        )
        for _ in range(_TRIES):
            before = self.stored_one(order.delegation, order.certificate)
            there = before.certificate.order
            if there is None or _state(there) != _state(order):
                return self._require_ended(order, row)
            after = status_updated(before, becomes(before.certificate), row.ended_at)
            # From here on the revision that was read is history, whoever moves on from it.
            self._revisions.pop((order.delegation, order.certificate), None)
            try:
                return self._table.transact(put(audit.finished_item(row)), close, after)
            except ConditionFailed:
                continue  # the next look says why
        raise _conflict(order, "its certificate's record keeps changing")

    def _require_ended(self, order: Order, row: FinishedOrder) -> None:
        """See that the order has ended already as it was to end now: an earlier try's answer was lost."""
        ended = self.history(order.delegation, order.certificate)
        if (row.token, row.status) not in {(other.token, other.status) for other in ended}:
            raise _conflict(order, f"it is not open as {order.status.value} any more")

    # ---- Delegations -----------------------------------------------------------------------------------

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        """Replace the delegation's last inspection. Raises UnknownDelegation."""
        self._note(delegation, "inspection", inspection_map(inspection))

    def record_refusal(self, delegation: str, version: str, run_id: str) -> None:
        """Remember that SCM refused that version of the credential in that run. Raises UnknownDelegation."""
        self._note(delegation, "refusal", {"version": version, "run_id": run_id})

    def _note(self, delegation: str, attribute: str, value: dict[str, Any]) -> None:
        change = f"SET #{attribute} = :value"
        write = updated(delegation_key(delegation), change, {"value": value}, condition="attribute_exists(#item)")
        try:
            self._table.update(write)
        except ConditionFailed:
            raise unknown(delegation) from None


def _state(order: Order) -> tuple[str, OrderStatus, int]:
    return order.token, order.status, order.posts


def _conflict(order: Order, why: str) -> OrderConflict:
    return OrderConflict(f"order {order.token} of {order.path}: {why}")
