"""Issuance: how an order comes to its end (SCM reference §5.14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509

from .ca import LeafPlan, PublicKey
from .csr import key_type_of, new_key
from .dials import Dials
from .order import (
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
from .refusals import refuse
from .state import State

_INSTANT = timedelta(seconds=1)


def place(state: State, order: Order, *, approved_by: str) -> None:
    """Put a new order in the book; *approved_by* empty: it waits for an approval."""
    state.orders[order.ssl_id] = order
    outcome = state.dials_for(order.names).outcome
    if approved_by and outcome not in ("requested", "declined"):
        approve(state, order, approved_by)
    advance(state, order)


def approve(state: State, order: Order, by: str) -> None:
    """Approve an order: from now on the CA has it."""
    order.status, order.approved_by, order.approved_at = APPROVED, by, state.now()


def advance(state: State, order: Order) -> None:
    """Move *order* as far as the clock, the polls and the dials allow."""
    dials = state.dials_for(order.names)
    if order.status in OPEN and _wait_is_over(state, order, dials):
        conclude(state, order, dials)
    elif order.status == APPROVED and (order.looks or order.collects):
        order.status = APPLIED
    if order.status == ISSUED and not order.replacing and _ended(order, state.now()):
        order.status = EXPIRED


def _wait_is_over(state: State, order: Order, dials: Dials) -> bool:
    if order.status == REQUESTED and dials.outcome != "declined":
        return False
    since = order.approved_at or order.requested_at
    if state.now() < since + timedelta(seconds=dials.issuance_seconds):
        return False
    return not dials.issuance_polls or max(order.collects, order.looks) > dials.issuance_polls


def conclude(state: State, order: Order, dials: Dials) -> None:
    """End the wait of *order* as `outcome` says."""
    ends = {"declined": DECLINED, "rejected": REJECTED, "invalid": INVALID}
    if dials.outcome in ends:
        order.status = ends[dials.outcome]
        order.declined_at = state.now() if order.status == DECLINED else None
    else:
        issue(state, order)
    if dials.outcome == "revoked":
        revoke(state, order, reason_code=4, reason="outcome: revoked")


def issue(state: State, order: Order, *, issued_at: datetime | None = None) -> None:
    """Issue the certificate of *order* now; or as it was issued at *issued_at*, then without any fault."""
    moment = issued_at or state.now()
    old = order.certificate if order.replacing else None
    dials = state.dials_for(order.names) if issued_at is None else Dials()
    order.certificate = state.authority.issue(_plan(state, order, moment, dials, old))
    order.status = ISSUED
    if order.replacing:
        order.replaced_at, order.replacing = moment, False
    else:
        order.issued_at = moment


def _plan(state: State, order: Order, moment: datetime, dials: Dials, old: x509.Certificate | None) -> LeafPlan:
    """Return what the certificate is to say; a replacement (of *old*) keeps the end of validity."""
    starts = moment.replace(microsecond=0) + timedelta(days=dials.starts_in_days)
    ends = starts + timedelta(days=dials.validity_days or order.term_days) - _INSTANT
    organisation = state.world.parents[order.department_id]
    return LeafPlan(
        public_key=_wrong_key(order) if dials.wrong_key else order.csr.public_key,
        names=_short_of_one(order.names) if dials.missing_name else order.names,
        not_before=starts,
        not_after=old.not_valid_after_utc if old and old.not_valid_after_utc > starts else ends,
        organisation=organisation.name,
        country=organisation.country,
        server_auth=dials.server_auth,
    )


def _wrong_key(order: Order) -> PublicKey:
    return new_key(key_type_of(order.csr.public_key)).public_key()


def _short_of_one(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return *names* but the last; of a single name, another one in its place."""
    return names[:-1] or (f"not-{names[0].removeprefix('*.')}",)


def _ended(order: Order, now: datetime) -> bool:
    return order.expires_at is not None and order.expires_at < now


def revoke(state: State, order: Order, *, reason_code: int, reason: str) -> None:
    """Revoke an issued certificate; refuse -102 when it is not issued."""
    if order.status != ISSUED:
        raise refuse(-102)
    order.status, order.revoked_at = REVOKED, state.now()
    order.reason_code, order.reason = reason_code, reason


def decline(state: State, order: Order) -> None:
    """Decline an open order."""
    order.status, order.declined_at = DECLINED, state.now()
