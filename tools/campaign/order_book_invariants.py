"""What must hold after a history: the auditor's invariants, and two that compare the order book with the world.

These two have no public output in their place: the order book is the only record of an intent, and the audit trail is
itself what must be true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from campaign.auditor import invariants as audit
from campaign.auditor.world import ours, path_of
from campaign.evidence import Evidence, Item
from scm_simulator import Order
from scm_simulator.backend.order import DEAD, REVOKED

Invariant = Callable[[Any], Iterator[str]]
PERMITTED_DAYS = (
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
)
"""Ballot SC-081v3: since when a certificate may be valid for how long at most."""
OF_ONE_DELEGATION = {"CredentialRefused", "CredentialMissing", "AddressRefused", "MandateEnded", "RecordUnreadable"}
"""Errors whose cause is the credential, the mandate or an item of the delegation that reports them."""


def every_order_has_its_intent(evidence: Evidence) -> Iterator[str]:
    """Every order of ours at SCM is in the order book, unless it was restored, and no two have the same token."""
    known = {item["token"] for kind in ("order", "finished") for item in evidence.of_kind(kind)}
    for token, count in Counter(token for token, _ in evidence.ours()).items():
        if count > 1:
            yield f"SCM holds {count} orders with token {token}"
        if token not in known | evidence.forgotten:
            yield f"SCM holds order {token}, which is not in the order book"


def the_audit_trail_is_correct(evidence: Evidence) -> Iterator[str]:
    """Every audit row of a stored order has its order, certificate and event; no order has two rows."""
    rows = list(evidence.of_kind("finished"))
    orders = dict(ours((*evidence.deleted, *evidence.scm)))
    published = {event["token"] for event in evidence.events}
    for token, count in Counter(row["token"] for row in rows).items():
        if count > 1:
            yield f"order {token} has {count} audit rows"
    for row in rows:
        if row["status"] == "stored":
            yield from _faults(row, orders.get(row["token"]))
            if row["token"] not in published:
                yield f"order {row['token']} was stored without an event"


def _faults(row: Item, order: Order | None) -> Iterator[str]:
    """Compare the audit row of a stored order with SCM's."""
    if order is None or order.certificate is None:
        yield f"the audit trail has {row['token']} as stored; SCM never issued it"
    elif int(row["ssl_id"]) != order.ssl_id:
        yield f"the audit row of {row['token']} names another number than SCM"
    # After a replacement in its portal, SCM does not show any more what it issued first.
    elif order.replaced_at is None and row["serial"] != f"{order.certificate.serial_number:X}":
        yield f"the audit row of {row['token']} names another serial than SCM"


def terms_are_permitted(evidence: Evidence) -> Iterator[str]:
    """No certificate is valid for longer than the Baseline Requirements permit on the day of its issuance (§6.3.2)."""
    for _, order in evidence.ours():
        if (certificate := order.certificate) is None:
            continue
        begins, days = certificate.not_valid_before_utc, 398
        for since, permitted in PERMITTED_DAYS:
            days = permitted if begins >= since else days
        if certificate.not_valid_after_utc - begins > timedelta(days=days):
            yield f"order {order.ssl_id} of {begins:%Y-%m-%d} is valid for more than {days} days"


def early_orders(evidence: Evidence) -> Counter[str]:
    """Count by `delegation/certificate` the orders that came before half of the lifetime of the one before was over.

    A certificate that is revoked is none before. The order after one that SCM refused, or revoked, repeats it, and is
    not counted.
    """
    early: Counter[str] = Counter()
    last: dict[str, x509.Certificate] = {}
    repeated: set[str] = set()
    for _, order in evidence.ours():
        path = path_of(order)
        if before := last.get(path):
            begins, ends = before.not_valid_before_utc, before.not_valid_after_utc
            early[path] += path not in repeated and order.requested_at < begins + (ends - begins) / 2
        (repeated.add if order.status in {*DEAD, REVOKED} else repeated.discard)(path)
        if order.certificate is not None and order.status != REVOKED:
            last[path] = order.certificate
    return early


def neighbours_are_untouched(evidence: Evidence, neighbour: str, whole: Container[str]) -> Iterator[str]:
    """Every run of *whole* without a fault reports *neighbour*, and not an error that only another delegation has."""
    for run in evidence.judged:
        if run.is_disturbed or run.run_id not in whole:
            continue
        if run.report is None or neighbour not in run.report.delegations:
            yield f"{run.run_id} does not report {neighbour}"
        for where, error in run.report.failures() if run.report else ():
            if where.split("/")[0] == neighbour and error in OF_ONE_DELEGATION:
                yield f"{run.run_id} reports {where} as {error}, and nothing was done to {neighbour}"


ALWAYS: tuple[Invariant, ...] = (*audit.ALWAYS, every_order_has_its_intent, the_audit_trail_is_correct)
AT_REST: tuple[Invariant, ...] = audit.AT_REST


def violations(evidence: Evidence, invariants: Iterable[Invariant]) -> list[str]:
    """Return what *evidence* violates, each with the name of the invariant."""
    return [f"{invariant.__name__}: {text}" for invariant in invariants for text in invariant(evidence)]


def orders_of(evidence: Evidence) -> int:
    """Count our orders at SCM."""
    return sum(1 for _ in evidence.ours())
