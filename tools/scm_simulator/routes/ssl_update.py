"""Update of a certificate's record (SCM reference §5.11)."""

from __future__ import annotations

from dataclasses import replace

from scm_simulator import enrolment
from scm_simulator.body import Body
from scm_simulator.csr import read_csr
from scm_simulator.details import certificate_shown
from scm_simulator.order import DECLINED, INVALID, REJECTED, REQUESTED, Order
from scm_simulator.refusals import must_be_there, refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import JSON_UTF8, Response, json_answer

_CHANGEABLE = (REQUESTED, DECLINED, REJECTED, INVALID)
_ORDER_FIELDS = ("orgId", "certTypeId", "term", "commonName", "csr", "subjectAlternativeNames")
_STATES = ("Not scheduled", "Scheduled")


@route("PUT", "/api/ssl/v1")
def update(call: Call) -> Response:
    """Change what may be changed of a certificate; what was ordered only before it is issued."""
    body = Body(call.request.object())
    call.require("sslRequest", "certificate updates")
    order = call.order_of(body.needed_number("sslId"))
    touched = [name for name in _ORDER_FIELDS if name in body]
    if touched and order.status not in _CHANGEABLE:
        raise refuse(-1113, ", ".join(touched), order.status)
    if touched:
        _reorder(call, order, body)
    _note(call, order, body)
    return json_answer(certificate_shown(call.state, order, None), media=JSON_UTF8, pretty=True)


def _reorder(call: Call, order: Order, body: Body) -> None:
    csr = read_csr(body.text("csr")) if "csr" in body else order.csr
    others = body.texts("subjectAlternativeNames")
    first = body.text("commonName", longest=64) or order.common_name
    names = enrolment.names_of(replace(csr, common_name=first), order.names[1:] if others is None else others)
    wanted = enrolment.Wanted(
        department_id=body.number("orgId") or order.department_id,
        profile_id=body.number("certTypeId") or order.profile_id,
        term_days=body.number("term") or order.term_days,
        csr=csr,
        names=names,
    )
    enrolment.check(call, wanted)
    order.department_id, order.profile_id = wanted.department_id, wanted.profile_id
    order.term_days, order.csr, order.names = wanted.term_days, wanted.csr, wanted.names


def _note(call: Call, order: Order, body: Body) -> None:
    if "comments" in body:
        order.comments = body.text("comments", longest=1024)
    if "externalRequester" in body:
        order.external_requester = body.text("externalRequester", longest=512)
    if "customFields" in body:
        order.custom_fields = enrolment.custom_fields_of(call, body)
    order.suspend_notifications = body.boolean("suspendNotifications", default=order.suspend_notifications)
    renew = body.object("autoRenewDetails")
    if renew is not None:
        _schedule(order, renew)


def _schedule(order: Order, renew: Body) -> None:
    state = renew.text("state")
    if state not in _STATES:
        raise refuse(-1601, "autoRenewDetails.state") if state else must_be_there("autoRenewDetails.state")
    order.auto_renew = {"state": state}
    if state == "Scheduled":
        order.auto_renew = {
            "state": state,
            "daysBeforeExpiration": renew.number("daysBeforeExpiration") or 30,
        }
