"""Changes of a whole estate: what an `apply` or a `retire` changes, in as few transactions as DynamoDB allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from renewal.adapters.order_book import estate, items
from renewal.adapters.order_book.items import stamp
from renewal.adapters.order_book.reader import OrderBookReader
from renewal.adapters.order_book.revisions import spec_updated
from renewal.adapters.order_book.table import ConditionFailed, Request, Table, checked, deleted, updated
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import OrderConflict, UnknownDelegation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

AT_ONCE = 100  # actions a transaction (AWS: amazondynamodb/latest/developerguide/transaction-apis.html)
_TRIES = 5  # of a transaction that rests on what was read a moment ago, while the functions write status
_EXISTS = "attribute_exists(#item)"

Path = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EstateChange:
    """What is to be written and removed. Certificates of a removed delegation stand in `removed` by themselves."""

    delegations: tuple[Delegation, ...] = ()
    certificates: tuple[CertificateSpec, ...] = ()
    removed: tuple[Path, ...] = ()
    removed_delegations: tuple[str, ...] = ()
    retired: tuple[estate.Retired, ...] = field(default=())
    """Written together with the removals."""


class OrderBookChanges:
    """Writes an EstateChange: all of it or nothing up to 100 actions, else so that the next apply finishes it."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)
        self._reader = OrderBookReader(self._table)

    def write(self, change: EstateChange, now: datetime) -> None:
        """Write *change*. Raises OrderConflict, with nothing written, while a removed certificate has an order.

        More than one transaction leaves a mark first, which the last one takes away: whoever looks in between knows
        that an apply has to be repeated, and repeating it writes what is left.
        """
        for _ in range(_TRIES):
            self._require_idle(change.removed)
            lots = list(_lots(self._actions(change, now)))
            try:
                return self._transact(lots, now)
            except ConditionFailed:
                continue  # a function wrote status, or somebody else applied: what is left is read anew
        msg = "the records keep changing; nothing is lost, try again"
        raise OrderConflict(msg)

    def forget_retirement(self, delegation: str) -> None:
        """Let a retired delegation be applied again. Raises UnknownDelegation."""
        try:
            self._table.transact(deleted(estate.retired_key(delegation), condition=_EXISTS))
        except ConditionFailed:
            msg = f"'{delegation}' is not retired"
            raise UnknownDelegation(msg) from None

    def _require_idle(self, removed: Iterable[Path]) -> None:
        busy = [one.spec.path for one in self._reader.load(removed) if one.order is not None]
        if busy:
            msg = (
                f"{', '.join(sorted(busy))}: an order is open, and with the record its key would go; let a run collect "
                "it, or end it with `certmandate close-order`"
            )
            raise OrderConflict(msg)

    def _actions(self, change: EstateChange, now: datetime) -> Iterator[tuple[Request, ...]]:
        """What is to be done, in groups that must not be torn apart."""
        stored = self._reader.stored([*((one.delegation, one.name) for one in change.certificates), *change.removed])
        for retired in change.retired:
            values = {"map": estate.retired_map(retired)}
            yield (updated(estate.retired_key(retired.delegation), "SET #retired = :map", values),)
        for delegation in change.delegations:
            yield (_delegation_updated(delegation, now),)
        for spec in change.certificates:
            before = stored.get((spec.delegation, spec.name))
            if before is None or before.certificate.spec != spec:
                yield (spec_updated(spec, before, now),)
        for path in change.removed:
            if path in stored:
                idle = checked(items.order_key(*path), condition="attribute_not_exists(#item)")
                yield idle, deleted(items.certificate_key(*path), condition=_EXISTS)
        for key in self._table.read(items.delegation_key(name) for name in change.removed_delegations):
            yield (deleted(key, condition=_EXISTS),)

    def _transact(self, lots: Sequence[Sequence[Request]], now: datetime) -> None:
        mark = updated(estate.UNFINISHED_APPLY, "SET #begun_at = if_not_exists(#begun_at, :now)", {"now": stamp(now)})
        if len(lots) > 1:
            self._table.transact(mark)
        for lot in lots:
            self._table.transact(*lot)
        if self._reader.unfinished_apply() is not None:
            self._table.transact(deleted(estate.UNFINISHED_APPLY, condition=_EXISTS))


def _lots(groups: Iterable[tuple[Request, ...]]) -> Iterator[list[Request]]:
    lot: list[Request] = []
    for group in groups:
        if len(lot) + len(group) > AT_ONCE:
            yield lot
            lot = []
        lot += group
    if lot:
        yield lot


def _delegation_updated(delegation: Delegation, now: datetime) -> Request:
    change = "SET #spec = :spec, #action = :action, #next_action_at = if_not_exists(#next_action_at, :now)"
    values = {"spec": items.delegation_spec(delegation), "action": items.DELEGATION, "now": stamp(now)}
    return updated(items.delegation_key(delegation.name), change, values)
