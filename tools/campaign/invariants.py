"""What must hold after a history: the auditor's invariants, and two that compare the order book with the world.

These two have no public output in their place: the order book is the only record of an intent, and the audit trail is
itself what must be true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from campaign.audit import invariants as audit
from campaign.evidence import Evidence, Item
from scm_simulator import Order

Invariant = Callable[[Any], Iterator[str]]


def every_order_has_its_intent(evidence: Evidence) -> Iterator[str]:
    """Every order of ours at SCM is in the order book, and no two have the same token."""
    known = {item["token"] for kind in ("order", "finished") for item in evidence.of_kind(kind)}
    for token, count in Counter(token for token, _ in evidence.ours()).items():
        if count > 1:
            yield f"SCM holds {count} orders with token {token}"
        if token not in known:
            yield f"SCM holds order {token}, which is not in the order book"


def the_audit_trail_is_correct(evidence: Evidence) -> Iterator[str]:
    """Every audit row of a stored order has its order, certificate and event; no order has two rows."""
    rows = list(evidence.of_kind("finished"))
    published = {event["token"] for event in evidence.events}
    for token, count in Counter(row["token"] for row in rows).items():
        if count > 1:
            yield f"order {token} has {count} audit rows"
    for row in rows:
        if row["status"] == "stored":
            yield from _faults(row, dict(evidence.ours()).get(row["token"]))
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


ALWAYS: tuple[Invariant, ...] = (*audit.ALWAYS, every_order_has_its_intent, the_audit_trail_is_correct)
AT_REST: tuple[Invariant, ...] = audit.AT_REST


def violations(evidence: Evidence, invariants: Iterable[Invariant]) -> list[str]:
    """Return what *evidence* violates, each with the name of the invariant."""
    return [f"{invariant.__name__}: {text}" for invariant in invariants for text in invariant(evidence)]


def orders_of(evidence: Evidence) -> int:
    """Count our orders at SCM."""
    return sum(1 for _ in evidence.ours())
