"""Domain control validation: list and status (SCM reference §8.1, §8.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scm_simulator.body import Body
from scm_simulator.dates import ISO, written
from scm_simulator.paging import page, total
from scm_simulator.refusals import refuse
from scm_simulator.routing import Call, route
from scm_simulator.state import DelegatedDomain
from scm_simulator.wire import JSON_PLAIN, Response, json_answer
from scm_simulator.words import enum_shown, same_enum

from .domains import domains_seen

_NOT_INITIATED = "NOT_INITIATED"


@route("GET", "/api/dcv/v1/validation", "/api/dcv/v2/validation")
def validations(call: Call) -> Response:
    """List the validations of the domains that the account sees."""
    call.require("allowDCV", "DCV validation")
    found = [domain for domain in domains_seen(call) if _wanted(call, domain)]
    items = [_item(call, domain) for domain in page(call, found)]
    return json_answer(items, media=JSON_PLAIN, pretty=True, headers=[total(found)])


def _wanted(call: Call, domain: DelegatedDomain) -> bool:
    query, state = call.request.query, call.state
    place = call.request.number("department") or call.request.number("org")
    within = call.request.number("expiresIn")
    dcv, ordered = query.get("dcvStatus", ""), query.get("orderStatus", "")
    below = {d.id for o in state.world.organisations if o.id == place for d in o.departments} | {place}
    return (
        query.get("domain", "").lower() in domain.name
        and (not dcv or same_enum(state.domain_validation(domain), dcv))
        and (not ordered or same_enum(_NOT_INITIATED, ordered))
        and (place is None or bool(below.intersection(domain.delegations)))
        and (within is None or domain.expires_at <= state.now() + timedelta(days=within))
    )


def _item(call: Call, domain: DelegatedDomain) -> dict[str, Any]:
    dials, status = call.state.dials, call.state.domain_validation(domain)
    item = {
        "domain": domain.name,
        "dcvStatus": enum_shown(status, dials),
        "dcvOrderStatus": enum_shown(_NOT_INITIATED, dials),
    }
    if status != "NOT_VALIDATED":
        item |= {"dcvMethod": "CNAME_CSR_HASH", "expirationDate": written(domain.expires_at, ISO)}
    return item


@route("POST", "/api/dcv/v1/validation/status", "/api/dcv/v2/validation/status")
def status(call: Call) -> Response:
    """Tell the validation of one domain."""
    call.require("allowDCV", "DCV validation")
    name = Body(call.request.object()).needed_text("domain", longest=255).lower()
    for domain in domains_seen(call):
        if domain.name == name:
            return json_answer(_status(call, domain), media=JSON_PLAIN, pretty=True)
    raise refuse(-727, name)


def _status(call: Call, domain: DelegatedDomain) -> dict[str, Any]:
    dials, validation = call.state.dials, call.state.domain_validation(domain)
    members = {"status": enum_shown(validation, dials), "orderStatus": enum_shown(_NOT_INITIATED, dials)}
    if validation != "NOT_VALIDATED":
        members["validationDate"] = written(domain.validated_at, ISO)
        members["expirationDate"] = written(domain.expires_at, ISO)
    return members
