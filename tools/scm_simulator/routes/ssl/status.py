"""Approve, decline and revoke (SCM reference §5.6, §5.12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from scm_simulator.backend import issuance
from scm_simulator.backend.order import REQUESTED, REVOKED, Order, parse_serial
from scm_simulator.http.messages import NO_CONTENT, Response
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import must_not_be_null, refuse

_REASON_CODE = "reasonCode"
_REASON_CODES = (0, 1, 3, 4, 5)


@route("POST", "/api/ssl/v1/approve/{sslId}")
def approve(call: Call) -> Response:
    """Approve an order that waits for approval."""
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
    call.body().needed_text("message")
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
    wanted = parse_serial(text)
    for order in call.state.orders_of(call.admin):
        if wanted is not None and order.serial_number == wanted:
            return order
    raise refuse(-5101, text)


def _revoke(call: Call, find: Callable[[], Order]) -> Response:
    call.require("sslRevoke", "revocation")
    body = call.body()
    code, reason = _reason_code(call, body), body.needed_text("reason")
    order = find()
    issuance.advance(call.state, order)
    issuance.revoke(call.state, order, reason_code=code, reason=reason)
    return NO_CONTENT


def _reason_code(call: Call, body: Body) -> int:
    """Return the reason code, a number or a string; 0 when it is absent and may be."""
    code = body.number(_REASON_CODE, low=0)
    if code is None and call.state.dials.reason_code_required:
        raise must_not_be_null(_REASON_CODE)
    if code is not None and code not in _REASON_CODES:
        raise refuse(-1001, _REASON_CODE, f"must be one of {', '.join(map(str, _REASON_CODES))}")
    return code or 0


@route("POST", "/api/ssl/v1/revoke/manual")
def mark_revoked(call: Call) -> Response:
    """Mark a certificate as revoked in SCM; the CA is not informed."""
    call.require("sslRevoke", "revocation")
    body = call.body()
    number = body.number("certId")
    order = call.order(number) if number else _by_serial(call, body.needed_text("serialNumber"))
    order.reason_code = _reason_code(call, body)
    order.status, order.revoked_at = REVOKED, _revoke_date(body) or call.state.now()
    return NO_CONTENT


def _revoke_date(body: Body) -> datetime | None:
    text = body.text("revokeDate")
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise refuse(-1601, "revokeDate") from None
