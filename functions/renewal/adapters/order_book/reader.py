"""The reading half of the order book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from renewal.adapters.order_book import audit, estate, items
from renewal.adapters.order_book.items import Key
from renewal.adapters.order_book.status import StoredCertificate, stored_certificate
from renewal.adapters.order_book.table import Table
from renewal.domain.errors import UnknownDelegation
from renewal.domain.order import FinishedOrder, ManagedCertificate, Replacement
from renewal.domain.setup.inspection import DelegationRecord


class OrderBookReader:
    """Reads records: consistently by name, and a moment late through the index."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delegations(self) -> Iterator[str]:
        """Names of all delegations."""
        return (delegation for delegation, _ in self._table.index(items.DELEGATION))

    def waiting(self, until: datetime) -> Iterator[tuple[str, str]]:
        """(delegation, certificate) of those whose next action is due by *until*; costs what it returns."""
        return (_path(key) for key in self._table.index(items.CERTIFICATE, until))

    def every_certificate(self) -> Iterator[tuple[str, str]]:
        """(delegation, certificate) of all certificates."""
        return (_path(key) for key in self._table.index(items.CERTIFICATE))

    def replacements(self) -> tuple[Replacement, ...]:
        """Standing orders to replace."""
        stored = self._table.query(items.ESTATE, items.REPLACEMENT_PREFIX)
        return tuple(audit.replacement_from(item) for item in stored)

    def retired(self) -> tuple[estate.Retired, ...]:
        """Delegations that were ended, by name."""
        stored = self._table.query(items.ESTATE, estate.RETIRED_PREFIX)
        return tuple(estate.retired_from(item) for item in stored)

    def unfinished_apply(self) -> datetime | None:
        """Return when an apply began that did not come to its end, None when there is none."""
        item = self._table.read([estate.UNFINISHED_APPLY]).get(estate.UNFINISHED_APPLY)
        return estate.begun_at(item) if item else None

    def delegation(self, name: str) -> DelegationRecord:
        """Raises UnknownDelegation."""
        key = items.delegation_key(name)
        item = self._table.read([key]).get(key)
        if item is None:
            raise unknown(name)
        return audit.delegation_record(item)

    def certificates(self, delegation: str) -> tuple[ManagedCertificate, ...]:
        """All of a delegation's certificates with their open orders."""
        orders = {items.name_in(item): item for item in self._table.query(delegation, items.ORDER_PREFIX)}
        found = self._table.query(delegation, items.CERTIFICATE_PREFIX)
        return tuple(stored_certificate(item, orders.get(items.name_in(item))).certificate for item in found)

    def load(self, paths: Iterable[tuple[str, str]]) -> tuple[ManagedCertificate, ...]:
        """The named certificates with their open orders; those that do not exist are left out."""
        return tuple(stored.certificate for stored in self.stored(paths).values())

    def certificate(self, delegation: str, name: str) -> ManagedCertificate:
        """Raises UnknownDelegation."""
        return self.stored_one(delegation, name).certificate

    def history(self, delegation: str, certificate: str) -> tuple[FinishedOrder, ...]:
        """Audit rows, oldest first; *certificate* empty = all of the delegation."""
        rows = self._table.query(delegation, audit.finished_prefix(certificate))
        return tuple(sorted((audit.finished_from(row) for row in rows), key=lambda row: row.ended_at))

    def stored(self, paths: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredCertificate]:
        """Return those of *paths* that exist, in their order, with the revisions that writes rest on."""
        wanted = list(dict.fromkeys(paths))
        keys = [key for path in wanted for key in (items.certificate_key(*path), items.order_key(*path))]
        found = self._table.read(keys)
        return {
            path: stored_certificate(item, found.get(items.order_key(*path)))
            for path in wanted
            if (item := found.get(items.certificate_key(*path)))
        }

    def stored_one(self, delegation: str, name: str) -> StoredCertificate:
        """Raises UnknownDelegation."""
        found = self.stored([(delegation, name)])
        if not found:
            raise unknown(delegation, name)
        return found[delegation, name]


def unknown(*path: str) -> UnknownDelegation:
    """Return the error that says that the delegation, or its certificate, is not in the order book."""
    what = "/".join(path)
    return UnknownDelegation(
        f"the order book has no '{what}'; is it spelt as in its delegation file, and was the file applied?"
    )


def _path(key: Key) -> tuple[str, str]:
    return key[0], key[1].removeprefix(items.CERTIFICATE_PREFIX)
