"""Enroll, renew and replace (SCM reference §5.4, §5.7-5.9)."""

from __future__ import annotations

from scm_simulator import enrolment, issuance
from scm_simulator.body import Body
from scm_simulator.order import APPLIED, Order
from scm_simulator.refusals import Refusal, refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import JSON_UTF8, NO_CONTENT, Response, json_answer


@route("POST", "/api/ssl/v1/enroll")
def enroll(call: Call) -> Response:
    """Take a request for a certificate; answer its two ids, long before anything is issued."""
    wanted = enrolment.wanted_by(call, Body(call.request.object()))
    call.require("sslRequest", "certificate requests")
    enrolment.check(call, wanted)
    order = enrolment.open_order(call, wanted)
    return json_answer({"sslId": order.ssl_id, "renewId": order.renew_id}, media=JSON_UTF8, pretty=True)


@route("POST", "/api/ssl/v1/renewById/{sslId}")
def renew_by_id(call: Call) -> Response:
    """Order the same certificate again; answer the new id."""
    body = _renew_body(call)
    new = _renewed(call, call.order(), body)
    return json_answer({"sslId": new.ssl_id}, media=JSON_UTF8, pretty=True)


@route("POST", "/api/ssl/v1/renew/{renewId}")
def renew(call: Call) -> Response:
    """Order the same certificate again by its renewId; answer nothing."""
    body = Body(call.request.object()) if call.request.body else Body({})
    for old in call.state.orders_seen_by(call.admin):
        if old.renew_id == call.params["renewId"]:
            _renewed(call, old, body)
            return NO_CONTENT
    raise refuse(-123)


def _renew_body(call: Call) -> Body:
    """Return the body of a renewal; the dial legacy_renew_body decides about strings and nothing."""
    try:
        return Body(call.request.object())
    except Refusal:
        if call.state.dials.legacy_renew_body and call.request.body.strip() in (b"", b'""'):
            return Body({})
        raise


def _renewed(call: Call, old: Order, body: Body) -> Order:
    wanted = enrolment.renewal_of(call, old, body)
    enrolment.check(call, wanted)
    new = enrolment.open_order(call, wanted)
    enrolment.mark_renewed(call, old, new.ssl_id)
    return new


@route("POST", "/api/ssl/v1/renew/manual/{sslId}")
def mark_renewed(call: Call) -> Response:
    """Mark a certificate as renewed, perhaps by another; nothing is ordered."""
    body = Body(call.request.object()) if call.request.body else Body({})
    call.require("sslRenew", "renewal")
    old = call.order()
    new_id = body.number("id")
    if new_id is not None:
        call.order_of(new_id)
    enrolment.mark_renewed(call, old, new_id)
    return NO_CONTENT


@route("POST", "/api/ssl/v1/replace/{sslId}")
def replace(call: Call) -> Response:
    """Order a certificate anew under the same id, for another key or other names."""
    body = Body(call.request.object())
    order = call.order()
    wanted = enrolment.replacement_of(call, order, body)
    enrolment.check(call, wanted)
    order.csr, order.names, order.replacing = wanted.csr, wanted.names, True
    order.collects = order.looks = order.collects_since_issued = 0
    issuance.approve(call.state, order, call.admin.login)
    order.status = APPLIED
    issuance.advance(call.state, order)
    return NO_CONTENT
