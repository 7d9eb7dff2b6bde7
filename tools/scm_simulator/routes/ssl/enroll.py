"""Enroll, renew and replace (SCM reference §5.4, §5.7-5.9)."""

from __future__ import annotations

from scm_simulator.backend import issuance
from scm_simulator.backend.order import APPLIED, Order
from scm_simulator.http.messages import NO_CONTENT, Response, pretty_json
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import refuse
from scm_simulator.routes.ssl import enrollment


@route("POST", "/api/ssl/v1/enroll")
def enroll(call: Call) -> Response:
    """Accept a request for a certificate; return its two ids, long before it is issued."""
    request = enrollment.request_in(call, call.body())
    call.require("sslRequest", "certificate requests")
    enrollment.check(call, request)
    order = enrollment.open_order(call, request)
    return pretty_json({"sslId": order.ssl_id, "renewId": order.renew_id})


@route("POST", "/api/ssl/v1/renewById/{sslId}")
def renew_by_id(call: Call) -> Response:
    """Order the same certificate again; return the new id."""
    return pretty_json({"sslId": _renew(call, call.order(), call.body()).ssl_id})


@route("POST", "/api/ssl/v1/renew/{renewId}")
def renew(call: Call) -> Response:
    """Order the same certificate again by its renewId; return nothing."""
    body = call.body(optional=True)
    for old in call.state.orders_of(call.admin):
        if old.renew_id == call.params["renewId"]:
            _renew(call, old, body)
            return NO_CONTENT
    raise refuse(-123)


def _renew(call: Call, old: Order, body: Body) -> Order:
    request = enrollment.renewal_of(call, old, body)
    enrollment.check(call, request)
    new = enrollment.open_order(call, request)
    _mark_renewed(call, old, new.ssl_id)
    return new


def _mark_renewed(call: Call, old: Order, new_id: int | None) -> None:
    old.renewed, old.renewed_at, old.renewed_by = True, call.state.now(), new_id


@route("POST", "/api/ssl/v1/renew/manual/{sslId}")
def mark_renewed(call: Call) -> Response:
    """Mark a certificate as renewed, optionally by another certificate; nothing is ordered."""
    body = call.body(optional=True)
    call.require("sslRenew", "renewal")
    old, new_id = call.order(), body.number("id")
    if new_id is not None:
        call.order(new_id)
    _mark_renewed(call, old, new_id)
    return NO_CONTENT


@route("POST", "/api/ssl/v1/replace/{sslId}")
def replace(call: Call) -> Response:
    """Order a certificate again under the same id, for another key or other names."""
    body = call.body()
    order = call.order()
    request = enrollment.replacement_of(call, order, body)
    enrollment.check(call, request)
    order.csr, order.names, order.replacing = request.csr, request.names, True
    order.collects = order.detail_queries = order.collects_since_issued = 0
    issuance.approve(call.state, order, call.admin.login)
    order.status = APPLIED
    issuance.advance(call.state, order)
    return NO_CONTENT
