"""Domains and their delegation (SCM reference §7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scm_simulator.body import Body
from scm_simulator.dates import ISO, written
from scm_simulator.names import is_domain_name
from scm_simulator.paging import page, total
from scm_simulator.refusals import must_be_there, not_found, refuse
from scm_simulator.routing import Call, route
from scm_simulator.state import DelegatedDomain
from scm_simulator.wire import EMPTY_OK, NO_CONTENT, Response, json_answer
from scm_simulator.words import enum_shown, method_shown
from scm_simulator.world import Domain

_MANAGE = "allowManageDomains"
_APPROVE = "approveDomainDelegation"
_SHORTEST_NAME, _LONGEST_NAME = 2, 256  # of the filter (SCM reference §7)


def domains_seen(call: Call) -> list[DelegatedDomain]:
    """Return the domains with a delegation in the account's sight."""
    seen = call.state.visible(call.admin)
    everything = call.admin.spec.mrao
    return [one for one in call.state.domains.values() if everything or seen.intersection(one.delegations)]


def _found(call: Call) -> list[DelegatedDomain]:
    query, place = call.request.query, call.request.number("orgId", low=1)
    _check_name(query.get("name", ""))
    name, state, status = (query.get(key, "").lower() for key in ("name", "state", "status"))
    return [
        domain
        for domain in domains_seen(call)
        if name in domain.name
        and state in ("", {"ACTIVE": "active", "SUSPENDED": "inactive"}[domain.state])
        and status in ("", {"ACTIVE": "approved", "REQUESTED": "requested"}[_delegation_status(domain)])
        and (place is None or place in domain.delegations)
    ]


def _check_name(name: str) -> None:
    if name and not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME:
        raise refuse(-1001, "name", f"must have between {_SHORTEST_NAME} and {_LONGEST_NAME} characters")


def _delegation_status(domain: DelegatedDomain) -> str:
    return "ACTIVE" if "ACTIVE" in domain.delegations.values() else "REQUESTED"


@route("GET", "/api/domain/v1")
def domains(call: Call) -> Response:
    """List domains."""
    found = _found(call)
    items = [{"id": domain.id, "name": domain.name} for domain in page(call, found)]
    return json_answer(items, headers=[total(found)])


@route("GET", "/api/domain/v1/count")
def count(call: Call) -> Response:
    """Count domains."""
    return json_answer({"count": len(_found(call))})


@route("GET", "/api/domain/v1/{domainId}")
def details(call: Call) -> Response:
    """Tell one domain: its validation, and those of its delegations that the account manages."""
    return json_answer(_shown(call, _domain(call)))


def _domain(call: Call) -> DelegatedDomain:
    number = call.number("domainId")
    missing = not_found(-727, number)
    domain = call.state.domains.get(number)
    if domain is None:
        raise missing
    if domain not in domains_seen(call):
        raise call.hidden(missing)
    return domain


def _shown(call: Call, domain: DelegatedDomain) -> dict[str, Any]:
    validation = call.state.domain_validation(domain)
    members: dict[str, Any] = {
        "id": domain.id,
        "name": domain.name,
        "delegationStatus": _delegation_status(domain),
        "state": domain.state,
        "validationStatus": enum_shown(validation, call.state.dials),
    }
    if validation != "NOT_VALIDATED":
        began, ends = call.state.validation_period(domain)
        members["validationMethod"] = method_shown(call.state.dials)
        members["dcvValidation"] = written(began, ISO)
        members["dcvExpiration"] = written(ends, ISO)
    seen = call.state.visible(call.admin)
    members["delegations"] = [
        {"orgId": place, "certTypes": ["SSL"], "status": status}
        for place, status in domain.delegations.items()
        if place in seen
    ]
    return members


@route("POST", "/api/domain/v1")
def create(call: Call) -> Response:
    """Create a domain with its delegations; those asked for by a department's officer wait for approval."""
    call.require(_MANAGE, "domain management")
    body = Body(call.request.object())
    name = body.needed_text("name", longest=255).lower()
    if not is_domain_name(name):
        raise refuse(-732)
    if any(domain.name == name for domain in call.state.domains.values()):
        raise refuse(-700)
    wanted = body.objects("delegations")
    if not wanted:
        raise refuse(-709)
    delegations = {_place(call, one): _first_status(call) for one in wanted}
    entry = Domain(name, state="ACTIVE" if body.boolean("active", default=True) else "SUSPENDED", dcv="NOT_VALIDATED")
    domain = call.state.add_domain(entry, delegations)
    return Response(201, b"", (("Location", f"{call.request.base_url}/api/domain/v1/{domain.id}"),))


def _place(call: Call, body: Body) -> int:
    """Return the organisation or department that a delegation names, if the account manages it."""
    if not body.texts("certTypes"):
        msg = "certTypes"
        raise must_be_there(msg)
    return _managed(call, body.needed_number("orgId"))


def _managed(call: Call, place: int) -> int:
    if not call.sees(place):
        raise call.hidden(refuse(-1023, place))
    return place


def _first_status(call: Call) -> str:
    """Return the status of a new delegation: a department's officer only asks for it."""
    return "ACTIVE" if call.admin.spec.mrao or call.admin.spec.organisations else "REQUESTED"


@route("DELETE", "/api/domain/v1/{domainId}")
def delete(call: Call) -> Response:
    """Delete a domain, if the account manages all that it is delegated to."""
    call.require(_MANAGE, "domain management")
    domain = _domain(call)
    if not call.state.visible(call.admin).issuperset(domain.delegations):
        raise refuse(-738, "delete")
    del call.state.domains[domain.id]
    return NO_CONTENT


@route("PUT", "/api/domain/v1/{domainId}/activate")
def activate(call: Call) -> Response:
    """Make a domain active."""
    return _set_state(call, "ACTIVE")


@route("PUT", "/api/domain/v1/{domainId}/suspend")
def suspend(call: Call) -> Response:
    """Suspend a domain."""
    return _set_state(call, "SUSPENDED")


def _set_state(call: Call, state: str) -> Response:
    domain = _domain(call)
    if not call.admin.spec.mrao:
        raise refuse(-738, "activate or suspend")
    domain.state = state
    return EMPTY_OK


@route("POST", "/api/domain/v1/{domainId}/delegation")
def delegate(call: Call) -> Response:
    """Delegate one domain."""
    call.require(_MANAGE, "domain management")
    domain = _domain(call)
    domain.delegations.setdefault(_place(call, Body(call.request.object())), _first_status(call))
    return EMPTY_OK


@route("POST", "/api/domain/v1/delegation")
def delegate_many(call: Call) -> Response:
    """Delegate several domains at once."""
    call.require(_MANAGE, "domain management")
    body = Body(call.request.object())
    numbers, place = body.numbers("domainIds"), _place(call, body)
    if not numbers:
        msg = "domainIds"
        raise must_be_there(msg)
    chosen = [domain for domain in domains_seen(call) if domain.id in numbers]
    if len(chosen) < len(set(numbers)):
        raise refuse(-727, ", ".join(map(str, numbers)))
    for domain in chosen:
        domain.delegations.setdefault(place, _first_status(call))
    return EMPTY_OK


@route("DELETE", "/api/domain/v1/{domainId}/delegation")
def withdraw(call: Call) -> Response:
    """Withdraw a delegation; the body says whose."""
    call.require(_MANAGE, "domain management")
    domain = _domain(call)
    domain.delegations.pop(_place(call, Body(call.request.object())), None)
    return EMPTY_OK


@route("POST", "/api/domain/v1/{domainId}/delegation/approve")
def approve(call: Call) -> Response:
    """Approve a requested delegation."""
    return _decide(call, lambda domain, place: domain.delegations.update({place: "ACTIVE"}))


@route("POST", "/api/domain/v1/{domainId}/delegation/reject")
def reject(call: Call) -> Response:
    """Reject a requested delegation."""
    return _decide(call, lambda domain, place: domain.delegations.pop(place))


def _decide(call: Call, deed: Callable[[DelegatedDomain, int], object]) -> Response:
    call.require(_APPROVE, "delegation approval")
    domain = _domain(call)
    place = _managed(call, Body(call.request.object()).needed_number("orgId"))
    if domain.delegations.get(place) != "REQUESTED":
        raise refuse(-705)
    deed(domain, place)
    return EMPTY_OK
