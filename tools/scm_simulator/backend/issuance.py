"""Issuance: the transitions of an order's status (SCM reference §5.14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509

from scm_simulator.backend.order import (
    APPLIED,
    APPROVED,
    DECLINED,
    EXPIRED,
    INVALID,
    ISSUED,
    OPEN,
    REJECTED,
    REQUESTED,
    REVOKED,
    Order,
)
from scm_simulator.backend.state import State
from scm_simulator.ca.authority import LeafPlan
from scm_simulator.ca.csr import key_type_of, new_key
from scm_simulator.refusals import refuse
from scm_simulator.world.dials import Dials

_INSTANT = timedelta(seconds=1)
_FINAL = {"declined": DECLINED, "rejected": REJECTED, "invalid": INVALID}


def place(state: State, order: Order, *, approved_by: str) -> None:
    """Store a new order; with *approved_by* empty it waits for an approval."""
    state.orders[order.ssl_id] = order
    outcome = state.dials_for(order.names).outcome
    if approved_by and outcome not in ("requested", "declined"):
        approve(state, order, approved_by)
    advance(state, order)


def approve(state: State, order: Order, by: str) -> None:
    """Approve an order: SCM passes it to the CA."""
    order.status, order.approved_by, order.approved_at = APPROVED, by, state.now()


def advance(state: State, order: Order) -> None:
    """Move *order* as far as the clock, the polls and the dials allow."""
    dials = state.dials_for(order.names)
    if order.status in OPEN and _wait_is_over(state, order, dials):
        conclude(state, order, dials)
    elif order.status == APPROVED and (order.detail_queries or order.collects):
        order.status = APPLIED
    if order.status == ISSUED and not order.replacing and order.expires_at and order.expires_at < state.now():
        order.status = EXPIRED


def advanced_orders(state: State, orders: list[Order]) -> list[Order]:
    """Advance *orders*, and return them."""
    for order in orders:
        advance(state, order)
    return orders


def _wait_is_over(state: State, order: Order, dials: Dials) -> bool:
    if order.status == REQUESTED and dials.outcome != "declined":
        return False
    since = order.approved_at or order.requested_at
    if state.now() < since + timedelta(seconds=dials.issuance_seconds):
        return False
    return not dials.issuance_polls or max(order.collects, order.detail_queries) > dials.issuance_polls


def conclude(state: State, order: Order, dials: Dials) -> None:
    """End the wait of *order* with the dial `outcome`."""
    if dials.outcome in _FINAL:
        order.status = _FINAL[dials.outcome]
        order.declined_at = state.now() if order.status == DECLINED else None
    else:
        issue(state, order)
    if dials.outcome == "revoked":
        revoke(state, order, reason_code=4, reason="outcome: revoked")


def issue(state: State, order: Order, *, issued_at: datetime | None = None) -> None:
    """Issue the certificate of *order* now; or back-dated to *issued_at*, and then without the faults of the dials."""
    time = issued_at or state.now()
    old = order.certificate if order.replacing else None
    dials = state.dials_for(order.names) if issued_at is None else Dials()
    order.certificate = state.authority.issue(_plan(state, order, time, dials, old))
    order.status = ISSUED
    if order.replacing:
        order.replaced_at, order.replacing = time, False
    else:
        order.issued_at = time


def _plan(state: State, order: Order, time: datetime, dials: Dials, old: x509.Certificate | None) -> LeafPlan:
    """Return the content of the certificate; a replacement (of *old*) keeps the end of validity."""
    starts = time.replace(microsecond=0) + timedelta(days=dials.starts_in_days)
    ends = starts + timedelta(days=dials.validity_days or order.term_days) - _INSTANT
    organisation, key = state.world.parents[order.department_id], order.csr.public_key
    return LeafPlan(
        public_key=new_key(key_type_of(key)).public_key() if dials.wrong_key else key,
        names=_without_last(order.names) if dials.missing_name else order.names,
        not_before=starts,
        not_after=old.not_valid_after_utc if old and old.not_valid_after_utc > starts else ends,
        organisation=organisation.name,
        country=organisation.country,
        server_auth=dials.server_auth,
        client_auth=dials.client_auth,
    )


def _without_last(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return *names* without the last; instead of a single name, a different name."""
    return names[:-1] or (f"not-{names[0].removeprefix('*.')}",)


def revoke(state: State, order: Order, *, reason_code: int, reason: str) -> None:
    """Revoke an issued certificate; refuse -102 when it is not issued."""
    if order.status != ISSUED:
        raise refuse(-102)
    order.status, order.revoked_at = REVOKED, state.now()
    order.reason_code, order.reason = reason_code, reason


def decline(state: State, order: Order) -> None:
    """Decline an open order; refuse -1112 when it is not open."""
    if order.status not in OPEN:
        raise refuse(-1112, order.status)
    order.status, order.declined_at = DECLINED, state.now()
