"""Orders of the department that the order book does not have: the RAO's, another program's, or a thief's.

Every row of SCM's report is compared with the order book. What was ordered before the delegation began is counted, and
what the operator has acknowledged is left out; each other order is a finding until it expires.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from renewal.domain.audit.chained_row import ChainedRow
from renewal.domain.errors import Actor, shortened
from renewal.domain.names import without_added
from renewal.domain.order import FinishedOrder, ManagedCertificate, Order, error_of_status
from renewal.domain.order_search import SearchedOrder, known_ids
from renewal.domain.setup.finding import ORDER_NOT_OURS, Finding, finding_in_scm
from renewal.domain.setup.snapshot import ReportedCertificate

MOST_NAMED = 20
"""Orders with a finding of their own, so that an item of DynamoDB and an alert of SNS can hold them. One finding more
has the number of the others; the list in S3 has all of them (`ForeignOrderList`)."""
MOST_NAMES = 5  # of an order that an inspection keeps
MOST_NOTICED = 4_000
"""Keys of orders that are kept: 96 KB. A report of SCM has some 3,000 rows."""
MOST_LISTED = 50  # SSL IDs in the finding about the others
MOST_ENDED = 1_000
"""Of the rows for which the audit trail is not read again: 24 KB."""
STATUS_UNKNOWN = "status unknown"
_LONGEST_REQUESTER = 100  # characters


@dataclass(frozen=True, slots=True)
class Acknowledgement(ChainedRow):
    """The operator's record that an order is the organisation's own; an audit row.

    One without number, as earlier versions wrote it, is in no chain and does not count.
    """

    delegation: str
    key: str
    """`ForeignOrder.key`."""
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ForeignOrder:
    """An order of the SSL report that the order book does not have."""

    key: str
    """The SSL ID and, if SCM has replaced the certificate since, the day: a replacement is another certificate."""
    ssl_id: int
    names: tuple[str, ...]
    """In an inspection, the first five."""
    status: str
    requester: str = ""
    at: datetime | None = None
    """When it was requested, or replaced; None when SCM does not show it."""
    certificate: str = ""
    """The managed certificate with the same names; empty when there is none."""
    more_names: int = 0
    """How many it has besides `names`."""

    @classmethod
    def of(cls, row: ReportedCertificate, certificate: str) -> ForeignOrder:
        """Return *row* as it is kept."""
        key = f"{row.ssl_id}@{row.replaced:%Y-%m-%d}" if row.replaced else str(row.ssl_id)
        requester = shortened(row.requester, _LONGEST_REQUESTER)
        return cls(key, row.ssl_id, row.names, row.status, requester, _requested(row), certificate)

    def with_first_names(self) -> ForeignOrder:
        """Return what an inspection keeps of it."""
        return replace(self, names=self.names[:MOST_NAMES], more_names=len(self.names[MOST_NAMES:]))


@dataclass(frozen=True, slots=True)
class ForeignOrderList:
    """Each unexpired order of SCM's report that the order book does not have, with all of its names.

    Kept in S3, beside the report of the run that found them. SCM's report has 5 MB at most, and the list less.
    """

    orders: tuple[ForeignOrder, ...] = ()
    """Those that are neither acknowledged nor of before the delegation, newest first."""
    before: tuple[ForeignOrder, ...] = ()
    """Those of before the delegation began, which are taken as the organisation's own."""

    def without(self, acknowledged: Collection[str]) -> ForeignOrderList:
        """Return it without the orders whose keys are *acknowledged*."""
        return replace(self, orders=tuple(order for order in self.orders if order.key not in acknowledged))


@dataclass(frozen=True, slots=True)
class ForeignOrders:
    """The foreign orders of one inspection."""

    since: datetime
    """When the delegation began: orders of the days before it are the organisation's own."""
    orders: tuple[ForeignOrder, ...] = ()
    """Those with a finding of their own, the newest to be found first."""
    count: int = 0
    """Of all, also of those that are not in `orders`."""
    noticed: tuple[str, ...] = ()
    """Keys of all (of 4,000 at most), in the same order."""
    found: int = 0
    """How many have ever been found. It identifies the finding about those that are not in `orders`, so that each new
    order makes another finding, which is alerted."""
    before: int = 0
    """How many valid certificates were ordered before the delegation began."""
    listed_by: str = ""
    """The run beside whose report the list of all is stored; empty when there are none, or S3 did not take it."""
    ended: tuple[str, ...] = ()
    """The `row_id` of each row that only the audit trail shows as ours, so that it is not read again for these. Empty
    while a new order would duplicate one: every inspection finds that again."""

    @property
    def issued(self) -> frozenset[str]:
        """Keys of `orders` whose certificates SCM shows as issued: they are valid."""
        return frozenset(order.key for order in self.orders if order.status == "ISSUED")

    def without(self, acknowledged: Collection[str]) -> ForeignOrders:
        """Return them without those whose keys are *acknowledged*."""
        noticed = tuple(key for key in self.noticed if key not in acknowledged)
        orders = tuple(order for order in self.orders if order.key not in acknowledged)
        return replace(self, orders=orders, noticed=noticed, count=self.count - len(self.noticed) + len(noticed))

    def not_ended(self, reported: Iterable[ReportedCertificate]) -> tuple[ReportedCertificate, ...]:
        """Return the rows that are not `ended`."""
        return tuple(row for row in reported if row_id(row) not in self.ended)


def foreign_orders(
    reported: Iterable[ReportedCertificate],
    certificates: Collection[ManagedCertificate],
    history: Collection[FinishedOrder],
    since: datetime,
    now: datetime,
) -> ForeignOrderList:
    """Return the unexpired orders that the order book does not have. *since*: when the delegation began.

    A row is ours by its serial, by its SSL ID unless SCM has replaced its certificate, or, where the SSL ID of an order
    is not known, by names and token, the first of several: who has the credential can read our comments, and order with
    a copy of one.
    """
    rows = tuple(reported)
    book, valid = _Book(certificates, history, rows), [row for row in rows if row.expires is None or row.expires > now]
    foreign = [row for row in valid if not book.has(row)]
    names = {frozenset(managed.spec.names): managed.spec.name for managed in certificates}
    orders = [ForeignOrder.of(row, names.get(frozenset(row.names), "")) for row in foreign]
    orders.sort(key=lambda order: order.ssl_id, reverse=True)
    parts: dict[bool, list[ForeignOrder]] = {False: [], True: []}
    for order in orders:
        parts[order.at is not None and order.at.date() < since.date()].append(order)
    return ForeignOrderList(tuple(parts[False]), tuple(parts[True]))


def row_id(row: ReportedCertificate) -> str:
    """Identify a certificate of the report, which SCM may replace under the same SSL ID, by 80 bits of a hash."""
    return hashlib.sha256(f"{row.ssl_id} {row.serial} {row.replaced}".encode()).hexdigest()[:20]


def ended_orders(
    reported: Iterable[ReportedCertificate],
    certificates: Collection[ManagedCertificate],
    history: Collection[FinishedOrder],
) -> tuple[str, ...]:
    """Return the `row_id` of each row that is ours by *history* alone, as a certificate is after its renewal."""
    rows = tuple(reported)
    current, book = _Book(certificates, (), rows), _Book(certificates, history, rows)
    return tuple(row_id(row) for row in rows if book.has(row) and not current.has(row))[:MOST_ENDED]


def compared(listed: ForeignOrderList, before: ForeignOrders | None, since: datetime) -> ForeignOrders:
    """Return what an inspection keeps. *before*: the previous comparison; what it lacks is new, whatever its date."""
    places = {key: place for place, key in enumerate(before.noticed if before else ())}
    # What did not fit into a full list was found before.
    last = max(map(ssl_id_of, places), default=0) if len(places) == MOST_NOTICED else 0
    new = {order.key for order in listed.orders if order.key not in places and order.ssl_id > last}
    found = sorted(listed.orders, key=lambda order: -1 if order.key in new else places.get(order.key, len(places)))
    return ForeignOrders(
        since=since,
        orders=tuple(order.with_first_names() for order in found[:MOST_NAMED]),
        count=len(found),
        noticed=tuple(order.key for order in found[:MOST_NOTICED]),
        found=(before.found if before else 0) + len(new),
        before=len(listed.before),
    )


def began_at(certificates: Iterable[ManagedCertificate], history: Iterable[FinishedOrder], now: datetime) -> datetime:
    """Return when the delegation began: its first order or adoption, *now* before there is one."""
    times = [row.opened_at for row in history]
    for managed in certificates:
        times += [managed.stored.stored_at] if managed.stored else []
        times += [managed.order.opened_at] if managed.order else []
    return min([*times, now])


def foreign_findings(delegation: str, found: ForeignOrders | None, before: ForeignOrders | None) -> Iterator[Finding]:
    """Yield each order, or the number, for the RAO, who can say whose it is, and all of them for the operator.

    *delegation*: its name, for the commands. *before*: the previous comparison; the first one alone reports what was
    ordered before the delegation began.
    """
    if found is None:
        return
    if before is None and found.before:
        text = (
            f"SCM lists {found.before} unexpired orders of before {found.since:%Y-%m-%d}, when the delegation began: "
            f"they are taken as the organisation's own, and are not reported again; `certmandate findings {delegation} "
            "--json` lists each (`orders_before`)"
        )
        yield Finding("OrdersBefore", "info", "operator", text)
    if not found.count:
        return
    # By its key: a certificate that SCM replaces later under the same SSL ID is another problem.
    yield from (_finding(_described(order), "rao", order.certificate, order.key) for order in found.orders)
    listed = ", ".join(str(order.ssl_id) for order in found.orders)
    if left := found.count - len(found.orders):
        yield _finding(_described_together(delegation, found, left), "rao", about=f"among {found.found}")
        listed += f" and {left} more"
    text = (
        f"SCM has orders that the order book does not have: SSL ID {listed}. Ask the RAO whose they are. For each that "
        f"the organisation made: `certmandate acknowledge {delegation} {found.orders[0].ssl_id} --reason …`; otherwise "
        f"the credential may be stolen (runbook: {ORDER_NOT_OURS})"
    )
    yield _finding(text, "operator")


def _finding(text: str, actor: Actor, certificate: str = "", about: str = "") -> Finding:
    return finding_in_scm(ORDER_NOT_OURS, "error", actor, text, certificate, about=about)


def _described(order: ForeignOrder) -> str:
    """SSL ID, day, requester and status in a form that the RAO's mail takes over; then the names."""
    day = f", {order.at:%Y-%m-%d}" if order.at else ""
    requester = f", {order.requester}" if order.requester else ""
    renewal = "; it has the names of one of our certificates, so it may be a renewal by another program"
    details = f"SSL ID {order.ssl_id}{day}{requester}, {order.status.lower() or STATUS_UNKNOWN}"
    more = f" and {order.more_names} more names" if order.more_names else ""
    return f"order {details}: {', '.join(order.names)}{more}{renewal if order.certificate else ''}"


def _described_together(delegation: str, found: ForeignOrders, left: int) -> str:
    """Return the number and the first SSL IDs of those without a finding of their own, as the RAO's mail has them."""
    own = {order.key for order in found.orders}
    others = [str(ssl_id_of(key)) for key in found.noticed if key not in own][:MOST_LISTED]
    more = f" and {left - len(others)} more" if left > len(others) else ""
    which = f"more orders that are not ours ({left}): SSL ID {', '.join(others)}{more}"
    if not found.listed_by:
        return f"{which}; S3 did not take the list of all, which the next inspection writes again; SCM has them"
    return f"{which}; `certmandate findings {delegation}` lists each with names, requester and day"


def ssl_id_of(key: str) -> int:
    """Return the SSL ID of the order with that `ForeignOrder.key`."""
    return int(key.partition("@")[0])


def _requested(row: ReportedCertificate) -> datetime | None:
    return row.replaced or row.requested or row.issued


class _Book:
    """By what the order book recognises a row."""

    def __init__(
        self,
        certificates: Collection[ManagedCertificate],
        history: Collection[FinishedOrder],
        reported: Collection[ReportedCertificate],
    ) -> None:
        stored = [managed.stored for managed in certificates if managed.stored]
        orders = [managed.order for managed in certificates if managed.order]
        records: list[Order | FinishedOrder] = [*orders, *history]
        self._serials = {record.serial for found in (stored, history) for record in found} - {""}
        unknown = {record.token: record.names for record in records if record.ssl_id is None}
        self._by_token = _first_with_token(unknown, reported)
        # What is stored is compared by `renewal.domain.setup.withdrawal`; what is open has no serial yet.
        self._current = known_ids(certificates, ())
        self._ended = known_ids((), history)
        self._unanswered = [order for order in orders if order.ssl_id is None]

    def has(self, row: ReportedCertificate) -> bool:
        if row.serial in self._serials or row.ssl_id in self._current:
            return True
        if row.ssl_id in self._ended and not row.replaced:
            return True
        return row.ssl_id in self._by_token or any(_may_be(order, row) for order in self._unanswered)


def _first_with_token(
    unknown: Mapping[str, Collection[str]], reported: Iterable[ReportedCertificate]
) -> Collection[int]:
    """Return the first SSL ID with each token and its names. *unknown*: names by token."""
    first: dict[str, int] = {}
    for row in sorted(reported, key=lambda row: row.ssl_id):
        for token in unknown.keys() & set(re.findall(r"[0-9a-z]+", row.comment.lower())):
            if set(without_added(row.names, unknown[token])) <= set(unknown[token]):
                first.setdefault(token, row.ssl_id)
    return set(first.values())


def _may_be(order: Order, row: ReportedCertificate) -> bool:
    """Whether the row may be an order whose answer was lost: the search of the next run decides it."""
    has_names = set(row.names) == set(order.names) and not error_of_status(row.status)
    return has_names and SearchedOrder.of(order).may_be(row.comment, row.requested)
