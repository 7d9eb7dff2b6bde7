"""Adds what an operator does to the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from certmandate.files.operator_action import ActionKind, OperatorAction
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.table import ConditionFailed, OrderTables, Request
from renewal.domain.errors import OrderConflict, StoreUnavailable

_TRIES = 5


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class ActionRecorder:
    """Adds the rows of *operator*, an ARN. A change of the order book is one transaction with its row."""

    def __init__(self, tables: OrderTables, operator: str = "", clock: Callable[[], datetime] = utc_now) -> None:
        self._operator, self._clock = operator, clock
        self._orders, self._trails = tables.orders, DynamoDbAuditTrails(tables.audit)

    def announce(
        self,
        kind: ActionKind,
        delegation: str,
        certificates: Iterable[str] = (),
        *,
        reason: str = "",
        run_id: str = "",
        details: Iterable[str] = (),
    ) -> None:
        """Add the row of what is about to be done outside the order book. Raises OrderConflict.

        It comes first, so that nothing is done without a row; a row may be of something that AWS then refused.
        """
        names, texts = tuple(certificates), tuple(details)
        action = OperatorAction(delegation, kind, self._clock(), names, reason=reason, run_id=run_id, details=texts)
        self.transact(lambda: self.row(action), f"{delegation}: the audit trail")

    def change(self, action: OperatorAction, write: Callable[[], Request | None]) -> None:
        """Make a write of the order book, unless there is none, together with the row. Raises OrderConflict."""

        def writes() -> list[Request] | None:
            change = write()
            return None if change is None else [*self.row(action), change]

        self.transact(writes, "/".join((action.delegation, *action.certificates)))

    def transact(self, writes: Callable[[], list[Request] | None], what: str) -> None:
        """Make what *writes* returns, which follows from what it has read. Raises OrderConflict."""

        def attempt() -> None:
            if (written := writes()) is not None:
                self._orders.transact(*written)

        retried(attempt, what)

    def row(self, action: OperatorAction) -> list[Request]:
        """Return the writes that add the row of *action*."""
        return self._trails.extended(action.delegation, lambda head: head.followed_by(action, self._operator).item())


def retried(attempt: Callable[[], None], what: str) -> None:
    """Make writes that follow from what *attempt* reads, while functions write status. Raises OrderConflict."""
    for _ in range(_TRIES):
        try:
            return attempt()
        except ConditionFailed:
            continue  # the next read shows why
        except StoreUnavailable as busy:
            if not busy.had_no_effect:
                raise
    msg = f"{what}: the record keeps changing; nothing is lost, try again"
    raise OrderConflict(msg)
