"""Domain control validation: list and status (SCM reference §8.1, §8.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scm_simulator.backend.state import DelegatedDomain
from scm_simulator.http.messages import JSON_PLAIN, Response, pretty_json
from scm_simulator.http.routing import Call, route, total
from scm_simulator.refusals import refuse
from scm_simulator.routes.domains import enum_text, validation_json, visible_domains

_NOT_INITIATED = "NOT_INITIATED"


@route("GET", "/api/dcv/v1/validation", "/api/dcv/v2/validation")
def validations(call: Call) -> Response:
    """List the validations of the domains that the account manages."""
    call.require("allowDCV", "DCV validation")
    found = [domain for domain in visible_domains(call) if _matches(call, domain)]
    items = [_item(call, domain) for domain in call.page(found)]
    return pretty_json(items, media=JSON_PLAIN, headers=[total(found)])


def _matches(call: Call, domain: DelegatedDomain) -> bool:
    query, validation = call.request.query, call.state.domain_validation(domain)
    return (
        query.get("domain", "").lower() in domain.name
        and _same_enum(validation, query.get("dcvStatus", ""))
        and _same_enum(_NOT_INITIATED, query.get("orderStatus", ""))
        and _is_delegated_to(call, domain)
        and _ends_soon(call, domain, validation)
    )


def _same_enum(constant: str, wanted: str) -> bool:
    """Return whether *wanted* is empty or means *constant* in either dialect."""
    return not wanted or constant == wanted.upper().replace(" ", "_")


def _is_delegated_to(call: Call, domain: DelegatedDomain) -> bool:
    """Return whether a delegation is in the requested `org` and to the requested `department` (§3.4: ANDed)."""
    org, department = call.request.number("org"), call.request.number("department")
    below = {d.id for o in call.state.world.organisations if o.id == org for d in o.departments}
    return any(
        (org is None or place == org or place in below) and department in (None, place) for place in domain.delegations
    )


def _ends_soon(call: Call, domain: DelegatedDomain, validation: str) -> bool:
    """Return whether the validation ends within `expiresIn` days."""
    days = call.request.number("expiresIn")
    if days is None:
        return True
    limit = call.state.now() + timedelta(days=days)
    return validation != "NOT_VALIDATED" and call.state.validation_period(domain)[1] <= limit


def _item(call: Call, domain: DelegatedDomain) -> dict[str, Any]:
    names = {"status": "dcvStatus", "method": "dcvMethod", "end": "expirationDate"}
    item = {"domain": domain.name, "dcvOrderStatus": enum_text(_NOT_INITIATED, call.state.dials)}
    return item | validation_json(call, domain, names)


@route("POST", "/api/dcv/v1/validation/status", "/api/dcv/v2/validation/status")
def status(call: Call) -> Response:
    """Return the validation of a domain."""
    call.require("allowDCV", "DCV validation")
    name = call.body().needed_text("domain", longest=255).lower()
    names = {"status": "status", "begin": "validationDate", "end": "expirationDate"}
    for domain in visible_domains(call):
        if domain.name == name:
            item = {"orderStatus": enum_text(_NOT_INITIATED, call.state.dials)}
            return pretty_json(item | validation_json(call, domain, names), media=JSON_PLAIN)
    raise refuse(-727, name)
