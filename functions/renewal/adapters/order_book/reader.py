"""Reads the order book; through the index a very recent write may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from renewal.adapters.order_book import schema
from renewal.adapters.order_book.table import Item, Table
from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import UnknownDelegation
from renewal.domain.order import FinishedOrder, ManagedCertificate, Replacement
from renewal.domain.setup.inspection import DelegationRecord


class DynamoDbOrderReader:
    """`renewal.ports.OrderReader` on a table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delegations(self) -> Iterator[str]:
        return (delegation for delegation, _ in self._table.index(schema.DELEGATION))

    def waiting(self, until: datetime) -> Iterator[CertificatePath]:
        return map(schema.path_of, self._table.index(schema.CERTIFICATE, until))

    def every_certificate(self) -> Iterator[CertificatePath]:
        return map(schema.path_of, self._table.index(schema.CERTIFICATE))

    def replacements(self) -> tuple[Replacement, ...]:
        items = self._table.query(schema.ESTATE, schema.REPLACEMENT_PREFIX)
        return tuple(schema.read(Replacement, item, item) for item in items)

    def delegation(self, name: str) -> DelegationRecord:
        key = schema.delegation_key(name)
        item = self._table.read([key]).get(key)
        if item is None:
            raise unknown(name)
        return schema.delegation_record(item)

    def certificates(self, delegation: str) -> tuple[ManagedCertificate, ...]:
        orders = {_path(item): item for item in self._table.query(delegation, schema.ORDER_PREFIX)}
        items = self._table.query(delegation, schema.CERTIFICATE_PREFIX)
        return tuple(schema.managed_certificate(item, orders.get(_path(item))) for item in items)

    def load(self, paths: Iterable[CertificatePath]) -> tuple[ManagedCertificate, ...]:
        wanted = list(dict.fromkeys(paths))
        found = self._table.read(key(path) for path in wanted for key in (schema.certificate_key, schema.order_key))
        return tuple(
            schema.managed_certificate(item, found.get(schema.order_key(path)))
            for path in wanted
            if (item := found.get(schema.certificate_key(path)))
        )

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        found = self.load([CertificatePath(delegation, name)])
        if not found:
            raise unknown(delegation, name)
        return found[0]

    def history(self, delegation: str, certificate: str) -> tuple[FinishedOrder, ...]:
        items = self._table.query(delegation, schema.finished_prefix(certificate))
        rows = (schema.read(FinishedOrder, item, item) for item in items)
        return tuple(sorted(rows, key=lambda row: row.ended_at))


def _path(item: Item) -> CertificatePath:
    return schema.path_of((item["delegation"], item["item"]))


def unknown(*path: str) -> UnknownDelegation:
    """Return the error for a delegation, or a certificate, that is not in the order book."""
    what = "/".join(path)
    return UnknownDelegation(
        f"the order book has no '{what}'; is it spelt as in its delegation file, and was the file applied?"
    )
