"""What an open order waits for, and until when no new one is placed after a failure."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from renewal.domain.errors import ChainBroken, Failure, OrderRejected
from renewal.domain.order import ManagedCertificate, Order, OrderStatus

_AWAITS_APPROVAL = frozenset({"REQUESTED", "AWAITINGAPPROVAL"})
"""SCM's statuses of an order that it has not passed to the CA (SCM reference §5.14)."""


def held_failure(certificate: ManagedCertificate) -> Failure:
    """Return the failure that a hold goes back to."""
    until = f"no new order before {certificate.hold_until:%Y-%m-%d %H:%M}Z, unless the operator forces it"
    text = "; ".join(part for part in (failure_text(certificate), until) if part)
    return Failure(certificate.last_error or OrderRejected.__name__, text)


def failure_text(certificate: ManagedCertificate) -> str:
    """Return the sentence of the error that ended the last order, with its time; empty when neither is stored."""
    at = f"(failed {certificate.failed_at:%Y-%m-%d %H:%M}Z)" if certificate.failed_at else ""
    return " ".join(part for part in (certificate.last_error_text, at) if part)


def awaits_approval(order: Order) -> bool:
    """Return whether the RAO has to approve the open *order* in SCM."""
    is_ordered = order.status is OrderStatus.ORDERED and not order.storing_error
    return is_ordered and order.scm_status in _AWAITS_APPROVAL


def waits_for(order: Order, now: datetime) -> str:
    """Return what the open *order* waits for, as far as SCM or its certificate shows it; empty otherwise."""
    begins = _begins(order)
    if begins and begins > now:
        return f"issued, and stored when it is valid: {begins:%Y-%m-%d %H:%M}Z"
    if order.storing_error or order.status is not OrderStatus.ORDERED or not order.scm_status:
        return ""
    if awaits_approval(order):
        return f"SCM's status is {order.scm_status.title()}: the RAO has to approve the order in SCM"
    return f"SCM's status is {order.scm_status.title()}: it waits for the CA"


def _begins(order: Order) -> datetime | None:
    """Return from when the issued certificate is valid; None when nothing is issued, or it cannot be read."""
    if not order.chain:
        return None
    from renewal.domain.certificate.chain import Chain  # noqa: PLC0415 - imports cryptography

    with suppress(ChainBroken):
        return Chain.parse(order.chain).leaf.not_before
    return None
