"""Collect (SCM reference §5.10)."""

from __future__ import annotations

from scm_simulator.backend import issuance
from scm_simulator.backend.order import APPLIED, DEAD, REVOKED, Order
from scm_simulator.ca.bundle_formats import bundle, bundle_format_named
from scm_simulator.http.messages import EMPTY_OK, Response
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import refuse
from scm_simulator.world.dials import Dials

_OCTETS = ("Content-Type", "application/octet-stream;charset=UTF-8")


@route("GET", "/api/ssl/v1/collect/{sslId}", "/api/ssl/v1/collect/{sslId}/{format}")
def collect(call: Call) -> Response:
    """Return the certificate in the format of the query or the path; base64 without either."""
    order, state = call.certificate(), call.state
    wanted = call.params.get("format") or call.request.query.get("format") or "base64"
    name = bundle_format_named(wanted)
    if name is None:
        raise refuse(-126, wanted)
    dials = state.dials_for(order.names)
    order.collects += 1
    issuance.advance(state, order)
    if _is_pending(order, dials) or order.certificate is None:
        return _pending(dials)
    body = bundle(name, order.certificate, state.authority, dials, state.random)
    filename = order.common_name.replace("*", "star").replace(".", "_")
    return Response(200, body, (_OCTETS, ("Content-Disposition", f'attachment; filename="{filename}_cert.cer"')))


def _is_pending(order: Order, dials: Dials) -> bool:
    """Return whether there is no certificate so far; refuse -110 a revoked one, a dead order by the dial."""
    if order.status == REVOKED:
        raise refuse(-110)
    if order.status in DEAD and dials.dead_order_answer != "pending":
        raise refuse(int(dials.dead_order_answer), order.status, order.status)
    if order.replacing:
        return dials.collect_during_replacement != "old"
    if order.certificate is None or order.status == APPLIED:
        return True
    order.collects_since_issued += 1
    return order.collects_since_issued <= dials.collect_lag_polls


def _pending(dials: Dials) -> Response:
    if dials.pending_answer == "empty":
        return EMPTY_OK.with_headers(_OCTETS)
    raise refuse(int(dials.pending_answer))
