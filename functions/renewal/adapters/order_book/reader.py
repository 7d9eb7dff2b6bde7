"""Reads the order book; through the index a very recent write may be missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, filterfalse
from typing import TYPE_CHECKING

from renewal.adapters.order_book import schema
from renewal.adapters.order_book.table import Item, OrderTables
from renewal.domain.audit.hash_chain import number_of
from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import RecordUnreadable, UnknownDelegation
from renewal.domain.limits import BegunOrder
from renewal.domain.order import Adoption, FinishedOrder, ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.ports.order_book import Listing

if TYPE_CHECKING:
    from renewal.domain.setup.foreign_orders import Acknowledgement
    from renewal.domain.setup.inspection import DelegationRecord


class DynamoDbOrderReader:
    """`renewal.ports.order_book.OrderReader` on the two tables."""

    def __init__(self, tables: OrderTables) -> None:
        self._table, self._audit = tables.orders, tables.audit

    def delegations(self) -> Iterator[str]:
        return (delegation for delegation, _ in self._table.index(schema.DELEGATION))

    def waiting(self, until: datetime) -> Iterator[CertificatePath]:
        return map(schema.path_of, self._table.index(schema.CERTIFICATE, until))

    def every_certificate(self) -> Iterator[CertificatePath]:
        return map(schema.path_of, self._table.index(schema.CERTIFICATE))

    def count_certificates(self, most: int) -> int:
        return self._table.count(schema.CERTIFICATE, most)

    def replacement_rules(self) -> Listing[ReplacementRule]:
        items = self._table.query(schema.ESTATE, schema.REPLACEMENT_PREFIX)
        return Listing.of(filterfalse(schema.has_ended, items), schema.replacement)

    def listed_for(self, rule: ReplacementRule) -> Collection[CertificatePath] | None:
        keys = schema.list_keys(rule)
        items = self._table.read(keys)
        if not keys or len(items) < len(keys):
            return None
        try:
            return frozenset(chain.from_iterable(schema.listed_in(items[key]) for key in keys))
        except RecordUnreadable:
            return None

    def delegation(self, name: str) -> DelegationRecord:
        key = schema.delegation_key(name)
        item = self._table.read([key]).get(key)
        if item is None:
            raise unknown(name)
        return schema.delegation_record(item)

    def load_delegations(self, names: Iterable[str]) -> Listing[DelegationRecord]:
        return Listing.of(self._table.read(map(schema.delegation_key, names)).values(), schema.delegation_record)

    def removed_among(self, delegations: Collection[str]) -> Collection[str]:
        items = self._table.read(map(schema.removed_key, delegations))
        return {name for name in delegations if schema.is_removed(items.get(schema.removed_key(name), {}))}

    def undone_retirements(self) -> Collection[str]:
        marks = self._table.query(schema.ESTATE, schema.REINSTATED_PREFIX)
        return {mark["item"].removeprefix(schema.REINSTATED_PREFIX) for mark in marks}

    def certificates(self, delegation: str) -> Listing[ManagedCertificate]:
        orders = {schema.path_in(item): item for item in self._table.query(delegation, schema.ORDER_PREFIX)}
        items = self._table.query(delegation, schema.CERTIFICATE_PREFIX)
        return _certificates(items, orders)

    def load_certificates(self, paths: Iterable[CertificatePath]) -> Listing[ManagedCertificate]:
        wanted = list(dict.fromkeys(paths))
        by_key = self._table.read(key(path) for path in wanted for key in (schema.certificate_key, schema.order_key))
        items = (by_key[key] for path in wanted if (key := schema.certificate_key(path)) in by_key)
        return _certificates(items, {path: by_key.get(schema.order_key(path)) for path in wanted})

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        listing = self.load_certificates([CertificatePath(delegation, name)]).complete()
        if not listing:
            raise unknown(delegation, name)
        return listing[0]

    def delegation_and_certificate(self, delegation: str, name: str) -> tuple[DelegationRecord, ManagedCertificate]:
        path = CertificatePath(delegation, name)
        key, kept, order = schema.delegation_key(delegation), schema.certificate_key(path), schema.order_key(path)
        items = self._table.read([key, kept, order])
        for wanted, names in ((key, [delegation]), (kept, [delegation, name])):
            if wanted not in items:
                raise unknown(*names)
        return schema.delegation_record(items[key]), schema.managed_certificate(items[kept], items.get(order))

    def orders_begun(self, delegation: str, run_id: str) -> list[BegunOrder]:
        items = self._table.query(delegation, schema.ORDER_PREFIX, schema.OF_BEGUN_ORDERS)
        orders = chain.from_iterable(Listing.of(items, schema.begun_orders))
        return [order for order in orders if order.run_id == run_id]

    def history(self, delegation: str, certificate: str) -> Listing[FinishedOrder]:
        return finished_orders(self._audit.query(delegation, schema.finished_prefix(certificate)))

    def adoptions(self, delegation: str, certificate: str) -> Listing[Adoption]:
        items = self._audit.query(delegation, schema.ACTION_PREFIX)
        return Listing.of(
            (item for item in items if schema.is_adoption(item, certificate)),
            lambda item: schema.read(Adoption, item, item),
        )

    def acknowledgements(self, delegation: str) -> Listing[Acknowledgement]:
        items = filter(number_of, self._audit.query(delegation, schema.ACKNOWLEDGED_PREFIX))
        return Listing.of(items, schema.acknowledgement)


def finished_orders(items: Iterable[Item]) -> Listing[FinishedOrder]:
    """Return the audit rows of orders by time. Their keys have it, also when a row cannot be read."""
    by_time = sorted(items, key=lambda item: item["item"].split("#")[2:])
    return Listing.of(by_time, lambda item: schema.read(FinishedOrder, item, item))


def _certificates(items: Iterable[Item], orders: Mapping[CertificatePath, Item | None]) -> Listing[ManagedCertificate]:
    return Listing.of(items, lambda item: schema.managed_certificate(item, orders.get(schema.path_in(item))))


def unknown(*path: str) -> UnknownDelegation:
    """Return the error for a delegation, or a certificate, that is not in the order book."""
    what = "/".join(path)
    return UnknownDelegation(
        f"the order book has no '{what}'; is it spelt as in its delegation file, and was the file applied?"
    )
