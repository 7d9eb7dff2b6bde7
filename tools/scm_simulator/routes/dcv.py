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
from scm_simulator.words import enum_shown, method_shown, same_enum

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
    validation = state.domain_validation(domain)
    dcv, ordered = query.get("dcvStatus", ""), query.get("orderStatus", "")
    return (
        query.get("domain", "").lower() in domain.name
        and (not dcv or same_enum(validation, dcv))
        and (not ordered or same_enum(_NOT_INITIATED, ordered))
        and _delegated_there(call, domain)
        and _ends_soon(call, domain, validation)
    )


def _delegated_there(call: Call, domain: DelegatedDomain) -> bool:
    """Return whether one delegation lies in the `org`, and to the `department`, that are asked for (§3.4: ANDed)."""
    org, department = call.request.number("org"), call.request.number("department")
    below = {d.id for o in call.state.world.organisations if o.id == org for d in o.departments}
    return any(
        (org is None or place == org or place in below) and department in (None, place) for place in domain.delegations
    )


def _ends_soon(call: Call, domain: DelegatedDomain, validation: str) -> bool:
    """Return whether the validation has an end, within `expiresIn` days."""
    within = call.request.number("expiresIn")
    if within is None:
        return True
    limit = call.state.now() + timedelta(days=within)
    return validation != "NOT_VALIDATED" and call.state.validation_period(domain)[1] <= limit


def _item(call: Call, domain: DelegatedDomain) -> dict[str, Any]:
    dials, status = call.state.dials, call.state.domain_validation(domain)
    item = {
        "domain": domain.name,
        "dcvStatus": enum_shown(status, dials),
        "dcvOrderStatus": enum_shown(_NOT_INITIATED, dials),
    }
    if status != "NOT_VALIDATED":
        _, ends = call.state.validation_period(domain)
        item |= {"dcvMethod": method_shown(dials), "expirationDate": written(ends, ISO)}
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
        began, ends = call.state.validation_period(domain)
        members["validationDate"] = written(began, ISO)
        members["expirationDate"] = written(ends, ISO)
    return members
