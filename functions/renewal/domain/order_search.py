"""The search for an order at SCM: what is searched for, and what the search found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from renewal.domain.order import FinishedOrder, ManagedCertificate, Order

DATE_MARGIN = timedelta(days=2)
"""SCM's details have days without a time zone (SCM reference §3.5)."""


@dataclass(frozen=True, slots=True)
class SearchedOrder:
    """An order that SCM is searched for."""

    token: str
    names: tuple[str, ...]
    department_id: int
    opened_at: datetime

    @classmethod
    def of(cls, order: Order) -> SearchedOrder:
        """Return what identifies *order* at SCM."""
        return cls(order.token, order.names, order.department_id, order.opened_at)

    def is_in(self, comment: str) -> bool:
        """Return whether *comment* has the token, wherever SCM has put it."""
        token = re.escape(self.token)
        return re.search(rf"(?<![0-9a-z]){token}(?![0-9a-z])", comment, re.IGNORECASE) is not None

    def may_be(self, comment: str, requested: datetime | None) -> bool:
        """Return whether an order at SCM for the same names, without the token, may still be this order.

        It may be unless SCM shows another comment, or a date of request before this order was opened.
        """
        return not comment and (requested is None or requested > self.opened_at - DATE_MARGIN)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What one search found."""

    ssl_id: int | None = None
    """The order that has the token; None when SCM lists none."""
    found_by: str = ""
    """Where it was found: the filter, with its spelling, or the report."""
    candidates: tuple[int, ...] = ()
    """SSL IDs that may be the order, because neither comment nor date excludes them; empty when it was found."""


def known_ids(certificates: Iterable[ManagedCertificate], history: Iterable[FinishedOrder]) -> frozenset[int]:
    """Return the SSL IDs that the order book has: of served certificates, of open orders and of those that ended."""
    records = [record for certificate in certificates for record in (certificate.served, certificate.order)]
    return frozenset(record.ssl_id for record in (*records, *history) if record and record.ssl_id)
