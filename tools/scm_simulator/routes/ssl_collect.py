"""Collect (SCM reference §5.10)."""

from __future__ import annotations

from scm_simulator import collecting, issuance
from scm_simulator.dials import Dials
from scm_simulator.order import APPLIED, DEAD, REVOKED, Order
from scm_simulator.refusals import refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import EMPTY_OK, Response

_OCTETS = "application/octet-stream;charset=UTF-8"


@route("GET", "/api/ssl/v1/collect/{sslId}", "/api/ssl/v1/collect/{sslId}/{format}")
def collect(call: Call) -> Response:
    """Hand out the certificate, in the format that the query or the path names; base64 when neither does."""
    order = call.order(missing=-5101, status=404)
    wanted = call.params.get("format") or call.request.query.get("format") or "base64"
    form = collecting.format_named(wanted)
    if form is None:
        raise refuse(-126, wanted)
    dials = call.state.dials_for(order.names)
    order.collects += 1
    issuance.advance(call.state, order)
    return _refused(order, dials) or _handed_out(call, order, form, dials)


def _refused(order: Order, dials: Dials) -> Response | None:
    """Return the empty answer, or raise the refusal, of a certificate that is not to be had; else None."""
    if order.status == REVOKED:
        raise refuse(-110)
    if order.status in DEAD and dials.dead_order_answer == "unavailable":
        raise refuse(-169)
    if order.replacing:
        return None if dials.collect_during_replacement == "old" else _pending(dials)
    if order.certificate is None or order.status == APPLIED:
        return _pending(dials)
    order.collects_since_issued += 1
    return _pending(dials) if order.collects_since_issued <= dials.collect_lag_polls else None


def _pending(dials: Dials) -> Response:
    if dials.pending_answer == "empty":
        return EMPTY_OK.with_headers(("Content-Type", _OCTETS))
    raise refuse(int(dials.pending_answer))


def _handed_out(call: Call, order: Order, form: str, dials: Dials) -> Response:
    assert order.certificate is not None  # noqa: S101  # _refused saw to that
    body = collecting.rendered(form, order.certificate, call.state.authority, dials, call.state.random)
    filename = order.common_name.replace("*", "star").replace(".", "_")
    disposition = f'attachment; filename="{filename}_cert.cer"'
    return Response(200, body, (("Content-Type", _OCTETS), ("Content-Disposition", disposition)))
