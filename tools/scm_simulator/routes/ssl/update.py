"""Update of a certificate's record (SCM reference §5.11)."""

from __future__ import annotations

from dataclasses import replace

from scm_simulator.backend.order import DEAD, REQUESTED, Order
from scm_simulator.ca.csr import read_csr
from scm_simulator.http.messages import Response, pretty_json
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import must_not_be_null, refuse
from scm_simulator.routes.certificate_view import certificate_json
from scm_simulator.routes.ssl import enrollment

_CHANGEABLE = (REQUESTED, *DEAD)
_ORDER_FIELDS = ("orgId", "certTypeId", "term", "commonName", "csr", "subjectAlternativeNames")
_RENEWAL_STATE = "autoRenewDetails.state"
_RENEWAL_STATES = ("Not scheduled", "Scheduled")


@route("PUT", "/api/ssl/v1")
def update(call: Call) -> Response:
    """Change the record of a certificate; the members of the order only before issuance."""
    body = call.body()
    call.require("sslRequest", "certificate updates")
    order = call.order(body.needed_number("sslId"))
    changed = [name for name in _ORDER_FIELDS if name in body]
    if changed and order.status not in _CHANGEABLE:
        raise refuse(-1113, ", ".join(changed), order.status)
    if changed:
        _change_order(call, order, body)
    _change_record(call, order, body)
    return pretty_json(certificate_json(call.state, order))


def _change_order(call: Call, order: Order, body: Body) -> None:
    csr = read_csr(body.text("csr")) if "csr" in body else order.csr
    others = body.texts("subjectAlternativeNames")
    first = body.text("commonName", longest=64) or order.common_name
    request = replace(
        enrollment.request_of(order),
        department_id=body.number("orgId") or order.department_id,
        profile_id=body.number("certTypeId") or order.profile_id,
        term_days=body.number("term") or order.term_days,
        csr=csr,
        names=enrollment.names_of(first, order.names[1:] if others is None else others),
    )
    enrollment.check(call, request)
    for name, value in vars(request).items():
        setattr(order, name, value)


def _change_record(call: Call, order: Order, body: Body) -> None:
    if "comments" in body:
        order.comments = body.text("comments", longest=1024)
    if "externalRequester" in body:
        order.external_requester = body.text("externalRequester", longest=512)
    if "customFields" in body:
        order.custom_fields = enrollment.custom_fields_in(call, body)
    order.suspend_notifications = body.boolean("suspendNotifications", default=order.suspend_notifications)
    renewal = body.object("autoRenewDetails")
    if renewal is not None:
        _schedule_renewal(order, renewal)


def _schedule_renewal(order: Order, renewal: Body) -> None:
    state = renewal.text("state")
    if state not in _RENEWAL_STATES:
        raise refuse(-1601, _RENEWAL_STATE) if state else must_not_be_null(_RENEWAL_STATE)
    order.auto_renew = {"state": state}
    if state == "Scheduled":
        order.auto_renew |= {"daysBeforeExpiration": renewal.number("daysBeforeExpiration") or 30}
