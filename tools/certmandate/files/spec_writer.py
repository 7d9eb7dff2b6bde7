"""Writes specs into the order book, in as few transactions as DynamoDB allows. No function's role permits it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from certmandate.files.action_recorder import ActionRecorder, retried
from certmandate.files.operator_action import ActionKind, OperatorAction
from certmandate.files.operator_records import (
    UNFINISHED_APPLY,
    OperatorReader,
    Reinstated,
    Retired,
    reinstated_key,
    retired_from,
)
from certmandate.files.specification import Specification
from renewal import records
from renewal.adapters.order_book import schema
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.table import Item, Key, OrderTables, Request, assigned, deleted, updated
from renewal.domain.audit.hash_chain import number_of
from renewal.domain.delegation import CertificatePath, CertificateSpec, Delegation
from renewal.domain.due import next_action
from renewal.domain.errors import OrderConflict, UnknownDelegation
from renewal.domain.order import ManagedCertificate
from renewal.records import timestamp

MOST_ACTIONS = 100  # in a transaction (AWS: amazondynamodb/latest/developerguide/transaction-apis.html)
_EXISTS = "attribute_exists(#item)"
_LIFE = frozenset({ActionKind.APPLIED, ActionKind.REMOVED, ActionKind.RETIRED, ActionKind.REINSTATED})


@dataclass(frozen=True, slots=True)
class EstateChange:
    """What is to be written and removed. `removed` includes the certificates of `removed_delegations`."""

    delegations: tuple[Delegation, ...] = ()
    certificates: tuple[CertificateSpec, ...] = ()
    removed: tuple[CertificatePath, ...] = ()
    removed_delegations: tuple[str, ...] = ()
    retired: tuple[Retired, ...] = ()
    """Written together with the removals."""
    pruned: tuple[Retired, ...] = ()
    """What is left of those of `removed_delegations` that are not retired."""
    reason: str = ""
    """Of the rows in the audit trails."""

    @classmethod
    def of(cls, *specifications: Specification) -> Self:
        """Return the change that writes *specifications* and removes nothing."""
        specs = (spec for specification in specifications for spec in specification.certificates)
        return cls(tuple(specification.delegation for specification in specifications), tuple(specs))


class SpecWriter:
    """Writes an EstateChange of *operator*, an ARN. Up to 100 actions are one transaction; more are repeatable.

    Each delegation that changes gets a row in its audit trail, in the first transaction that changes it.
    """

    def __init__(self, tables: OrderTables, operator: str = "") -> None:
        self._operator, self._recorder = operator, ActionRecorder(tables, operator)
        self._table, self._trails = tables.orders, DynamoDbAuditTrails(tables.audit)
        self._reader = OperatorReader(tables)

    def write(self, change: EstateChange, now: datetime) -> None:
        """Write *change*; status is not touched. Raises OrderConflict while a removed certificate has an open order.

        More than one transaction writes a mark first, which the last one deletes, and with it what will be left of the
        delegations that are removed, because their certificates are deleted before them. While the mark is there,
        `certmandate status` reports that `apply` has to be repeated; that writes what is missing.
        """

        def write_missing() -> None:
            self._require_idle(change.removed)
            self._transact(list(_batches(self._actions(change, now))), change.pruned, now)

        retried(write_missing, "the order book")

    def forget_retirement(self, delegation: str, now: datetime, reason: str = "") -> None:
        """Permit a retired delegation to be applied again, which restores its revocations. Harmless when repeated.

        Raises UnknownDelegation when it is not retired, OrderConflict.
        """
        action, key = (
            OperatorAction(delegation, ActionKind.REINSTATED, now, reason=reason),
            schema.retired_key(delegation),
        )

        def writes() -> list[Request]:
            found = self._table.read([key])
            marks = [*_reinstated(delegation, found[key]), _not_removed(delegation)] if found else []
            if not marks and not self._is_reinstated(delegation):
                msg = f"'{delegation}' is not retired"
                raise UnknownDelegation(msg)
            return [*self._recorder.row(action), *marks]

        self._recorder.transact(writes, f"{delegation}: the audit trail")

    def reinstated(self, delegation: str) -> Reinstated:
        """Return what the next `apply` restores of *delegation*."""
        key = reinstated_key(delegation)
        item = self._table.read([key]).get(key)
        return schema.read(Reinstated, item, item) if item else Reinstated()

    def was_applied(self, delegation: str) -> bool:
        """Return whether an operator has ever applied it: its audit trail stays when its records are lost."""
        return bool(self._life(delegation))

    def _is_reinstated(self, delegation: str) -> bool:
        """Whether the last retirement was undone, and nothing was applied since."""
        rows = self._life(delegation)
        return bool(rows) and max(rows, key=number_of)["action"] == ActionKind.REINSTATED

    def _life(self, delegation: str) -> list[Item]:
        return [row for row in self._trails.rows(delegation) if row.get("action") in _LIFE]

    def with_open_order(self, paths: Iterable[CertificatePath]) -> list[str]:
        """Return those of *paths* that have an open order: with the record its key would be deleted."""
        stored = self._reader.load_certificates(paths).complete()
        return sorted(certificate.spec.path for certificate in stored if certificate.order is not None)

    def _require_idle(self, removed: Iterable[CertificatePath]) -> None:
        if busy := self.with_open_order(removed):
            msg = f"{', '.join(busy)}: an order was opened, and with the record its key would be deleted"
            raise OrderConflict(msg)

    def _actions(self, change: EstateChange, now: datetime) -> Iterator[tuple[Request, ...]]:
        """The writes, in groups that have to be in one transaction."""
        stored = self._stored((*(spec.record_key for spec in change.certificates), *change.removed))
        written = [spec for spec in change.certificates if _differs(spec, stored)]
        for action in self._operator_actions(change, written, stored, now):
            yield tuple(self._recorder.row(action))
        for retired in change.retired:
            yield (_left_written(schema.retired_key(retired.delegation), retired),)
        yield from self._of_delegations(change, stored, now)
        for spec in written:
            yield (_spec_updated(spec, stored.get(spec.record_key), now, self._operator),)
        for path in change.removed:
            if path in stored:
                idle = deleted(schema.order_key(path), condition="attribute_not_exists(#token)")
                yield idle, deleted(schema.certificate_key(path), condition=_EXISTS)
        left = {pruned.delegation: records.to_item(pruned, without=("delegation",)) for pruned in change.pruned}
        for name in change.removed_delegations:
            yield _removed(name, left.get(name), now), deleted(schema.delegation_key(name))

    def _operator_actions(
        self,
        change: EstateChange,
        written: Iterable[CertificateSpec],
        stored: Collection[CertificatePath],
        now: datetime,
    ) -> Iterator[OperatorAction]:
        """Yield the audit row of each delegation that *change* does not leave as it is."""
        names, removed = defaultdict(list), defaultdict(list)
        for spec in written:
            names[spec.delegation].append(spec.name)
        for path in change.removed:
            if path in stored:
                removed[path.delegation].append(path.certificate)
        changed = {delegation.name for delegation in self._changed(change.delegations)}
        ends = dict.fromkeys(change.removed_delegations, ActionKind.REMOVED)
        ends |= {retired.delegation: ActionKind.RETIRED for retired in change.retired}
        for name in sorted({*changed, *names, *removed, *ends}):
            action = ends.get(name, ActionKind.APPLIED)
            yield OperatorAction(name, action, now, tuple(names[name]), tuple(removed[name]), reason=change.reason)

    def _changed(self, delegations: Sequence[Delegation]) -> Iterator[Delegation]:
        items = self._table.read(schema.delegation_key(delegation.name) for delegation in delegations)
        for delegation in delegations:
            item = items.get(schema.delegation_key(delegation.name), {})
            if item.get("spec") != records.to_item(delegation, without=("name",)):
                yield delegation

    def _of_delegations(
        self, change: EstateChange, stored: Mapping[CertificatePath, ManagedCertificate], now: datetime
    ) -> Iterator[tuple[Request, ...]]:
        """Before what they get from the certificates is removed."""
        kept = self._kept_revocations(change, stored)
        names = [delegation.name for delegation in change.delegations]
        restored = self._table.read(key_of(name) for name in names for key_of in (reinstated_key, schema.removed_key))
        for delegation in change.delegations:
            key = reinstated_key(delegation.name)
            removed = restored.get(schema.removed_key(delegation.name), {}).get("retired", {})
            again = [*restored.get(key, {}).get("revocations", ()), *removed.get("revocations", ())]
            requests = [*again, *kept.pop(delegation.name, ())]
            marks = [deleted(key)] if key in restored else []
            yield _delegation_updated(delegation, now, requests), _not_removed(delegation.name), *marks
        for name, requests in kept.items():
            yield (updated(schema.delegation_key(name), "SET #revocations = :kept", {"kept": requests}),)

    def _kept_revocations(
        self, change: EstateChange, stored: Mapping[CertificatePath, ManagedCertificate]
    ) -> dict[str, list[Item]]:
        """What was asked of the RAO for certificates that are removed, by delegation: it is open until SCM shows it."""
        kept: dict[str, dict[str, Item]] = {}
        for path in change.removed:
            if path in stored and stored[path].revocations and path.delegation not in change.removed_delegations:
                requests = {each.serial: records.to_item(each) for each in stored[path].revocations}
                kept.setdefault(path.delegation, {}).update(requests)
        for (name, _), item in self._table.read(map(schema.delegation_key, kept)).items():
            kept[name] = {each["serial"]: each for each in item.get("revocations", ())} | kept[name]
        return {name: list(requests.values()) for name, requests in kept.items()}

    def _stored(self, paths: Iterable[CertificatePath]) -> dict[CertificatePath, ManagedCertificate]:
        return {
            certificate.spec.record_key: certificate for certificate in self._reader.load_certificates(paths).complete()
        }

    def _transact(self, batches: Sequence[Sequence[Request]], pruned: Iterable[Retired], now: datetime) -> None:
        begun = {"now": timestamp(now)}
        mark = updated(UNFINISHED_APPLY, "SET #begun_at = if_not_exists(#begun_at, :now)", begun)
        first = [(mark,), *((_left_written(schema.removed_key(each.delegation), each),) for each in pruned)]
        for batch in (*(_batches(first) if len(batches) > 1 else ()), *batches):
            self._table.transact(*batch)
        if self._reader.unfinished_apply() is not None:
            self._table.transact(deleted(UNFINISHED_APPLY, condition=_EXISTS))


def _batches(groups: Iterable[tuple[Request, ...]]) -> Iterator[list[Request]]:
    batch: list[Request] = []
    for group in groups:
        if len(batch) + len(group) > MOST_ACTIONS:
            yield batch
            batch = []
        batch += group
    if batch:
        yield batch


def _differs(spec: CertificateSpec, stored: Mapping[CertificatePath, ManagedCertificate]) -> bool:
    before = stored.get(spec.record_key)
    return before is None or before.spec != spec


def _reinstated(delegation: str, item: Item) -> Iterator[Request]:
    """Delete a retirement, and leave a mark for the next `apply`, with the revocations that its *item* has."""
    values = {"kept": [records.to_item(each) for each in retired_from(item).revocations]}
    yield updated(reinstated_key(delegation), "SET #revocations = :kept", values)
    yield deleted(schema.retired_key(delegation), condition=_EXISTS)


def _delegation_updated(delegation: Delegation, now: datetime, revocations: list[Item]) -> Request:
    values: dict[str, Any] = {
        "spec": records.to_item(delegation, without=("name",)),
        "action": schema.DELEGATION,
        "now": timestamp(now),
    }
    write = "SET #spec = :spec, #action = :action, #next_action_at = if_not_exists(#next_action_at, :now)"
    if revocations:
        write, values = f"{write}, #revocations = :kept", values | {"kept": revocations}
    return updated(schema.delegation_key(delegation.name), write, values)


def _left_written(key: Key, left: Retired) -> Request:
    return updated(key, "SET #retired = :map", {"map": records.to_item(left, without=("delegation",))})


def _removed(delegation: str, left: Item | None, now: datetime) -> Request:
    """Write that it is removed, and what is *left* of it."""
    write, values = "SET #removed_at = :now", {"now": timestamp(now)}
    if left is None:
        return updated(schema.removed_key(delegation), write, values)
    return updated(schema.removed_key(delegation), f"{write}, #retired = :map", values | {"map": left})


def _not_removed(delegation: str) -> Request:
    """Have runs report the delegation again when the order book, or its index, has lost it."""
    return deleted(schema.removed_key(delegation))


def _spec_updated(spec: CertificateSpec, before: ManagedCertificate | None, now: datetime, operator: str) -> Request:
    """Write *spec* if the record is still *before* (None = there is none)."""
    after = replace(before, spec=spec) if before else ManagedCertificate(spec)
    attributes = {
        "spec": records.to_item(spec, without=("delegation", "name")),
        "applied_by": operator or None,
        "action": schema.CERTIFICATE,
        "next_action_at": timestamp(next_action(after, now)),
        "revision": after.revision + 1,
    }
    key = schema.certificate_key(spec.record_key)
    if before is None:
        return assigned(key, attributes, condition="attribute_not_exists(#item)", values={})
    return assigned(key, attributes, condition="#revision = :read", values={"read": before.revision})
