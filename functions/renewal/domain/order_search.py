"""The search for an order at SCM: what is searched for, what was found, and the proof that a search finds orders.

That SCM lists no order is no evidence before a search has found one that exists: filters, hidden comments, spellings
and delays of SCM's lists are not documented. So each order whose SSL ID is known is searched for (`SearchControl`),
and the result is kept with the delegation (`SearchProof`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from renewal.domain.errors import OrderUnconfirmed, OrderUndecided
from renewal.domain.names import common_name
from renewal.domain.order import MOST_POSTS, FinishedOrder, ManagedCertificate, Order

LONGEST_LATENCY = timedelta(hours=12)
"""How long SCM may take to list an order; one that a search has not found by then refutes the proof. An order whose
searches have had no answer for as long is the operator's."""
LATENCY_FACTOR = 10
"""How many times the measured latency an order may take to be listed."""
KEPT = timedelta(days=30)
"""How long an order that was not found refutes the proof, once newer ones are found."""
DATE_MARGIN = timedelta(days=2)
"""SCM's details have days without a time zone (SCM reference §3.5)."""


def filter_for(names: Iterable[str]) -> str:
    """Return SCM's filter by which an order for *names* can be found: without a common name it may have no other."""
    return "commonName" if common_name(names) else "subjectAlternativeName"


@dataclass(frozen=True, slots=True)
class SearchedOrder:
    """An order that SCM is searched for."""

    token: str
    names: tuple[str, ...]
    department_id: int
    opened_at: datetime
    listed_id: int | None = None
    """Its SSL ID, when a list that has it is enough; None when only a comment with the token is."""
    others: frozenset[int] = frozenset()
    """SSL IDs of other orders by the audit trail: a certificate renewed for years has dozens, and none need be read."""

    @classmethod
    def of(cls, order: Order, history: Iterable[FinishedOrder] = ()) -> SearchedOrder:
        """Return what identifies *order* at SCM; *history*: the audit rows of its delegation."""
        # An order that a restore of the orders table has opened again has an audit row.
        others = frozenset(row.ssl_id for row in history if row.ssl_id and row.token != order.token)
        return cls(order.token, order.names, order.department_id, order.opened_at, others=others)

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
    """Return the SSL IDs that the order book has: of stored certificates, of open orders and of those that ended."""
    records = [record for certificate in certificates for record in (certificate.stored, certificate.order)]
    return frozenset(record.ssl_id for record in (*records, *history) if record and record.ssl_id)


# ---- The proof -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchControl:
    """A search for an order that exists, because its SSL ID is known (a positive control)."""

    certificate: str
    token: str
    names: tuple[str, ...]
    department_id: int
    ssl_id: int
    opened_at: datetime
    posted_at: datetime
    searched_at: datetime

    @classmethod
    def of(cls, order: Order, ssl_id: int, now: datetime) -> SearchControl:
        """Return the control by *order*, which SCM has under *ssl_id*."""
        return cls(
            order.certificate,
            order.token,
            order.names,
            order.department_id,
            ssl_id,
            order.opened_at,
            order.posted_at,
            now,
        )

    def searched(self, proof: SearchProof | None) -> SearchedOrder:
        """Return what SCM is searched for.

        Where a search has already found an order of this department by its comment, the lists alone are controlled.
        That costs one request; and a comment that SCM hides later leaves a candidate, which stops a second POST.
        """
        is_enough = proof is not None and proof.awaited is None and not proof.unproven(self.department_id, self.names)
        return SearchedOrder(
            self.token, self.names, self.department_id, self.opened_at, self.ssl_id if is_enough else None
        )

    @property
    def seconds(self) -> int:
        """Seconds from the POST to the search; 0 when a wrong clock recorded the POST."""
        return max(0, round((self.searched_at - self.posted_at).total_seconds()))


@dataclass(frozen=True, slots=True)
class SearchProof:
    """What is known of the search for a delegation's orders."""

    proven_at: datetime | None = None
    """When a search last found an order that exists; None before the first."""
    department_id: int = 0
    latency_seconds: int = 0
    """Seconds within which an order was found after its POST. An earlier, longer latency counts half as much with each
    order."""
    found_by: str = ""
    """The filter, with its spelling, or the report."""
    filters: tuple[str, ...] = ()
    """`filter_for` the names of the department's orders that a search has found."""
    awaited: SearchControl | None = None
    """An order that exists and that no search has found; it is searched for again."""

    @property
    def is_refuted(self) -> bool:
        """Whether an order that exists was not found within the longest latency."""
        return self.awaited is not None and self.awaited.seconds >= LONGEST_LATENCY.total_seconds()

    def after(self, control: SearchControl, result: SearchResult) -> SearchProof:
        """Return the proof after a control."""
        awaited = self.awaited
        is_awaited = awaited is not None and awaited.token == control.token
        if result.ssl_id != control.ssl_id:
            return replace(self, awaited=control) if awaited is None or is_awaited else self
        earlier = self.filters if self.department_id == control.department_id else ()
        is_over = is_awaited or (awaited is not None and awaited.posted_at < control.posted_at - KEPT)
        return SearchProof(
            proven_at=control.searched_at,
            department_id=control.department_id,
            latency_seconds=max(control.seconds, self.latency_seconds // 2),
            found_by=result.found_by,
            filters=tuple(sorted({filter_for(control.names), *earlier})),
            awaited=None if is_over else awaited,
        )

    def unproven(self, department_id: int, names: Iterable[str] = ()) -> str:
        """Return why it is not proven that a search finds the department's orders; empty when it is.

        *names*: of the order that is searched for, because a proof by one filter of SCM's proves nothing of another.
        """
        if self.awaited is not None and self.is_refuted:
            hours = self.awaited.seconds // 3600
            return f"order {self.awaited.ssl_id} of {self.awaited.certificate} was not found within {hours} hours"
        if self.proven_at is None or self.department_id != department_id:
            return "no search has found an order of this department yet"
        if (names := tuple(names)) and (needed := filter_for(names)) not in self.filters:
            return f"no search by {needed} has found an order of this department yet"
        return ""

    def doubt(self, order: Order, candidates: tuple[int, ...]) -> str:
        """Return why no search decides whether *order* exists; empty when one that has not found it does.

        *candidates*: what SCM lists, which no other order of the order book is, and which may be this one.
        """
        if candidates:
            listed = ", ".join(map(str, candidates))
            return f"SCM has {listed} for its names, which the order book does not have, and which may be it"
        if unproven := self.unproven(order.department_id, order.names):
            return f"SCM does not list it, but it is not proven that a search finds orders: {unproven}"
        if order.posts >= MOST_POSTS:
            return f"SCM does not list it, and {order.posts} requests have had no answer"
        return ""

    def quiet_period(self, least: timedelta) -> timedelta:
        """Return how long after a POST no order may be posted again: *least*, or longer where SCM lists late."""
        return max(least, LATENCY_FACTOR * timedelta(seconds=self.latency_seconds))


# ---- Orders whose answer was lost ------------------------------------------------------------------------------------


def is_unanswered(order: Order, now: datetime) -> bool:
    """Whether SCM has answered no search for *order* for LONGEST_LATENCY, or a wrong clock recorded the last one."""
    since = max(filter(None, (order.posted_at, order.searched_at)))
    return not timedelta(0) <= now - since < LONGEST_LATENCY


def unconfirmed(order: Order, quiet: timedelta) -> OrderUnconfirmed:
    """Return the error of an order that the next runs search for, and send again after the *quiet* period."""
    again = f"the order is posted again only after a quiet period of {quiet.total_seconds():.0f} s"
    return OrderUnconfirmed(_lost(order, f"SCM does not list it. SCM is searched again, and {again}"))


def undecided(order: Order, doubt: str) -> OrderUndecided:
    """Return the error of an order that waits for the operator, because of *doubt* whether it exists."""
    path = order.path
    decide = (
        f"Search SCM for {order.names[0]} with this token in the comments. If the order is not there: `certmandate "
        f"renew {path} --order-again --reason …`. If it is there, have it declined or revoked, then `certmandate "
        f"close-order {path} --reason …`"
    )
    return OrderUndecided(_lost(order, f"{doubt}. {decide}"))


def _lost(order: Order, what: str) -> str:
    """The answer that came is last, because texts are cut, and it is in `certmandate show`."""
    answer = f". In place of the answer: {order.lost_answer}" if order.lost_answer else ""
    return f"the answer to order {order.token} was lost at {order.posted_at:%Y-%m-%d %H:%M:%S}Z; {what}{answer}"
