"""Orders at SCM that the order book does not have: after a restore of the table, or of another program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from renewal.domain.errors import OrderNotRecorded
from renewal.domain.order import (
    COMMENT_PREFIX,
    FinishedOrder,
    ManagedCertificate,
    OrderStatus,
    error_of_status,
    normalised_status,
)
from renewal.domain.order_search import DATE_MARGIN, known_ids
from renewal.domain.setup.snapshot import ReportedCertificate

_OURS = re.compile(rf"{COMMENT_PREFIX}(?P<token>\S+) for (?P<path>\S+)", re.IGNORECASE)
MOST = 100  # that are stored


@dataclass(frozen=True, slots=True)
class ReportedOrder:
    """An order of the SSL report for the names of *certificate*."""

    certificate: str
    ssl_id: int
    status: str
    token: str = ""
    """Of our comment; empty when SCM shows no comment."""

    @property
    def is_issued(self) -> bool:
        """Whether SCM has a certificate of it."""
        return normalised_status(self.status) == "ISSUED"


@dataclass(frozen=True, slots=True)
class AdoptableCertificate:
    """A valid certificate of the SSL report that the order book does not have, or that was adopted.

    It has the names, or the serial, of *certificate*.
    """

    certificate: str
    ssl_id: int
    serial: str


def adoptable_certificates(
    certificates: Iterable[ManagedCertificate], reported: Iterable[ReportedCertificate], now: datetime
) -> tuple[AdoptableCertificate, ...]:
    """Return what `certmandate adopt` can compare an SSL ID with."""
    wanted = [each for each in certificates if each.stored is None or not each.stored.token]
    rows = [row for row in reported if row.serial and _is_alive(row, now)] if wanted else []
    adoptable = (
        AdoptableCertificate(each.spec.name, row.ssl_id, row.serial)
        for each in sorted(wanted, key=lambda each: each.stored is not None)
        for row in rows
        if (row.serial == each.stored.serial if each.stored else set(row.names) == set(each.spec.names))
    )
    return tuple(adoptable)[:MOST]


def unrecorded_orders(
    certificates: Iterable[ManagedCertificate],
    reported: Iterable[ReportedCertificate],
    history: Iterable[FinishedOrder],
    now: datetime,
) -> tuple[ReportedOrder, ...]:
    """Return the orders for exactly a certificate's names that a new order would duplicate.

    They can still be issued, or are issued and valid; the order book has neither their SSL ID nor their token nor their
    serial; and they are newer than the certificate's last order. One of ours, by its comment, counts also when the
    order book has no order. One whose comment belongs to no order of ours is someone else's.

    *history*, read before *certificates*, outlives a restore of the orders table. What it has as stored and the order
    book as neither stored nor open is lost there.
    """
    managed = tuple(certificates)
    records = {certificate.spec.name: certificate for certificate in managed}
    ended_orders = [row for row in history if not _is_lost(row, records.get(row.certificate))]
    ids = known_ids(managed, ended_orders)
    alive = [row for row in reported if row.ssl_id not in ids and _is_alive(row, now)]
    unrecorded = (order for certificate in managed for order in _of(certificate, alive, ended_orders))
    return tuple(unrecorded)[:MOST]


def require_recorded(certificate: ManagedCertificate, orders: Iterable[ReportedOrder]) -> None:
    """Raise OrderNotRecorded when one of *orders* is for the certificate."""
    own = [order for order in orders if order.certificate == certificate.spec.name]
    if not own:
        return
    # The newest is the one that the stores have, if one of ours was stored before it was lost from the order book.
    other = max(own, key=lambda order: (order.is_issued, order.ssl_id))
    token, path = f" with token {other.token}" if other.token else "", certificate.spec.path
    act = "Its key is not here: have the RAO decline it"
    if other.is_issued:
        adopt = f"`certmandate adopt {path} --ssl-id {other.ssl_id}`"
        act = f"If the stores have its certificate, {adopt}; otherwise have it revoked"
    msg = (
        f"SCM has order {other.ssl_id}{token} for exactly these names ({other.status.lower()}), and the order book "
        f"does not have it; nothing is ordered. {act}, or run `certmandate renew {path} --order-again --reason …`"
    )
    raise OrderNotRecorded(msg)


def lost_order(
    certificate: ManagedCertificate, history: Iterable[FinishedOrder], now: datetime
) -> FinishedOrder | None:
    """Return the newest stored order for exactly its names, still valid, that the order book has lost; None if none.

    *history*: the certificate's. It needs no SSL report, which SCM may hide.
    """
    names = frozenset(certificate.spec.names)
    lost = [row for row in history if _is_lost(row, certificate) and frozenset(row.names) == names]
    return next((row for row in reversed(lost) if row.not_after is None or row.not_after > now), None)


def require_none_lost(certificate: ManagedCertificate, history: Iterable[FinishedOrder], now: datetime) -> None:
    """Raise OrderNotRecorded when the order book has lost a stored order of the certificate: see `lost_order`."""
    row, path = lost_order(certificate, history, now), certificate.spec.path
    if row is None:
        return
    msg = (
        f"SCM has order {row.ssl_id} for exactly these names: the audit trail has it as stored at "
        f"{row.ended_at:%Y-%m-%d %H:%M}Z, and the order book has lost it; nothing is ordered. If it is to be used, "
        f"`certmandate adopt {path} --ssl-id {row.ssl_id}`; otherwise `certmandate renew {path} --order-again "
        "--reason …`"
    )
    raise OrderNotRecorded(msg)


def _is_lost(row: FinishedOrder, certificate: ManagedCertificate | None) -> bool:
    if certificate is None or row.status is not OrderStatus.STORED:
        return False
    stored, order = certificate.stored, certificate.order
    if row.token in {record.token for record in (stored, order) if record}:
        return False
    return stored is None or row.ended_at > stored.stored_at


def _is_alive(row: ReportedCertificate, now: datetime) -> bool:
    return error_of_status(row.status) is None and (row.expires is None or row.expires > now)


def _of(
    certificate: ManagedCertificate, rows: Iterable[ReportedCertificate], history: Iterable[FinishedOrder]
) -> Iterator[ReportedOrder]:
    spec, stored, order = certificate.spec, certificate.stored, certificate.order
    own = [row for row in history if row.certificate == spec.name]
    tokens = {row.token for row in own} | {record.token for record in (stored, order) if record}
    # Not by when it was stored: a restored table stores an older certificate again, after the newer one was ordered.
    last = max([row.opened_at for row in own] + ([stored.not_before] if stored else []), default=None)
    for row in rows:
        ours = _OURS.search(row.comment)
        token = ours["token"] if ours and ours["path"] == spec.path else ""
        is_other = (row.comment and not token) or token in tokens or (stored and stored.serial == row.serial)
        at = row.requested or row.issued
        least = last - DATE_MARGIN if last and token else last
        is_newer = at is None or least is None or at > least
        if set(row.names) == set(spec.names) and not is_other and is_newer and (token or last):
            yield ReportedOrder(spec.name, row.ssl_id, row.status, token)
