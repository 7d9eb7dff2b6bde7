"""Approve, decline and revoke (SCM reference §5.6, §5.12)."""

from __future__ import annotations

from collections.abc import Callable

from scm_simulator.backend import issuance
from scm_simulator.backend.order import REQUESTED, Order, parse_serial
from scm_simulator.http.messages import NO_CONTENT, Response
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import refuse

_REASON_CODE = "reasonCode"
_REASON_CODES = (0, 1, 3, 4, 5)


@route("POST", "/api/ssl/v1/approve/{sslId}")
def approve(call: Call) -> Response:
    """Approve an order that waits for approval."""
    order = _waiting(call)
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
    code, reason = _reason_code(body), body.needed_text("reason")
    order = find()
    issuance.advance(call.state, order)
    issuance.revoke(call.state, order, reason_code=code, reason=reason)
    return NO_CONTENT


def _reason_code(body: Body) -> int:
    """Return the reason code, a number or a string; 0 when it is absent."""
    code = body.number(_REASON_CODE, low=0) or 0
    if code not in _REASON_CODES:
        raise refuse(-1001, _REASON_CODE, f"must be one of {', '.join(map(str, _REASON_CODES))}")
    return code
