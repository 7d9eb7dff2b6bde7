"""Approve, decline and revoke (SCM reference §5.6, §5.12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from scm_simulator import issuance
from scm_simulator.body import Body
from scm_simulator.order import REQUESTED, REVOKED, Order, serial_value
from scm_simulator.refusals import must_be_there, refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import NO_CONTENT, Response

_REASON_CODES = (0, 1, 3, 4, 5)


@route("POST", "/api/ssl/v1/approve/{sslId}")
def approve(call: Call) -> Response:
    """Approve an order that waits for it."""
    order = _waiting(call)
    if call.state.profile(order).validation_type == "EV" and order.requester == call.admin.login:
        raise refuse(-1140)
    issuance.approve(call.state, order, call.admin.login)
    issuance.advance(call.state, order)
    return NO_CONTENT


@route("POST", "/api/ssl/v1/decline/{sslId}")
def decline(call: Call) -> Response:
    """Decline an order that waits for approval."""
    issuance.decline(call.state, _waiting(call))
    return NO_CONTENT


def _waiting(call: Call) -> Order:
    call.require("sslApprove", "certificate approval")
    order = call.order()
    Body(call.request.object()).needed_text("message")
    if order.status != REQUESTED:
        raise refuse(-1112, order.status)
    return order


@route("POST", "/api/ssl/v1/revoke/{sslId}")
def revoke_by_id(call: Call) -> Response:
    """Revoke a certificate by its id."""
    return _revoke(call, call.order)


@route("POST", "/api/ssl/v1/revoke/serial/{serialNumber}")
def revoke_by_serial(call: Call) -> Response:
    """Revoke a certificate by its serial number, in any of its forms."""
    return _revoke(call, lambda: _by_serial(call, call.params["serialNumber"]))


def _by_serial(call: Call, text: str) -> Order:
    wanted = serial_value(text)
    for order in call.state.orders_seen_by(call.admin):
        if wanted is not None and order.serial_number == wanted:
            return order
    raise refuse(-5101, text)


def _revoke(call: Call, find: Callable[[], Order]) -> Response:
    call.require("sslRevoke", "revocation")
    body = Body(call.request.object())
    code, reason = _reason_code(call, body), body.needed_text("reason")
    order = find()
    issuance.advance(call.state, order)
    issuance.revoke(call.state, order, reason_code=code, reason=reason)
    return NO_CONTENT


def _reason_code(call: Call, body: Body) -> int:
    """Return the reason code, a number or a string; 0 when it is left out and may be."""
    code = body.number("reasonCode", low=0)
    if code is None and call.state.dials.reason_code_required:
        msg = "reasonCode"
        raise must_be_there(msg)
    if code is not None and code not in _REASON_CODES:
        raise refuse(-1001, "reasonCode", f"must be one of {', '.join(map(str, _REASON_CODES))}")
    return code or 0


@route("POST", "/api/ssl/v1/revoke/manual")
def mark_revoked(call: Call) -> Response:
    """Mark a certificate as revoked inside SCM, whatever its CA knows."""
    call.require("sslRevoke", "revocation")
    body = Body(call.request.object())
    number = body.number("certId")
    order = call.order_of(number) if number else _by_serial(call, body.needed_text("serialNumber"))
    order.reason_code = _reason_code(call, body)
    order.status, order.revoked_at = REVOKED, _moment(body) or call.state.now()
    return NO_CONTENT


def _moment(body: Body) -> datetime | None:
    text = body.text("revokeDate")
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise refuse(-1601, "revokeDate") from None
