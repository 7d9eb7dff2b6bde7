"""Domains and their delegation (SCM reference §7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scm_simulator.backend.state import DelegatedDomain
from scm_simulator.dates import ISO, format_date
from scm_simulator.http.messages import EMPTY_OK, NO_CONTENT, Response, created, json_response
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call, route, total
from scm_simulator.refusals import must_not_be_null, not_found, refuse
from scm_simulator.world.dials import Dials
from scm_simulator.world.domain_names import is_domain_name
from scm_simulator.world.world import Domain

_CERT_TYPES = "certTypes"
_MANAGE = "allowManageDomains"
_APPROVE = "approveDomainDelegation"
_SHORTEST_NAME, _LONGEST_NAME = 2, 256  # of the filter (SCM reference §7)
_LABELS = {
    "VALIDATED": "Validated",
    "NOT_VALIDATED": "Not validated",
    "EXPIRED": "Expired",
    "NOT_INITIATED": "Not initiated",
}


def enum_text(constant: str, dials: Dials) -> str:
    """Return *constant* or its label, by the dial enum_dialect (SCM reference §8.1, §8.2)."""
    return _LABELS[constant] if dials.enum_dialect == "labels" else constant


def validation_json(call: Call, domain: DelegatedDomain, names: Mapping[str, str]) -> dict[str, str]:
    """Return status, method, begin and end of a validation under the given *names*; without a validation the status."""
    state, validation = call.state, call.state.domain_validation(domain)
    values = {"status": enum_text(validation, state.dials)}
    if validation != "NOT_VALIDATED":
        begin, end = state.validation_period(domain)
        # The vendor's example has EMAIL beside VALIDATED, the OpenAPI document CNAME_CSR_HASH beside Validated.
        by_dialect = "CNAME_CSR_HASH" if state.dials.enum_dialect == "labels" else "EMAIL"
        values["method"] = domain.spec.dcv_method or by_dialect
        values |= {"begin": format_date(begin, ISO)} | ({"end": format_date(end, ISO)} if domain.spec.dcv_dated else {})
    return {names[key]: value for key, value in values.items() if key in names}


def visible_domains(call: Call) -> list[DelegatedDomain]:
    """Return the domains with a delegation to an organisation or department that the account manages."""
    managed, domains = call.state.managed_ids(call.admin), call.state.domains.values()
    return [domain for domain in domains if call.admin.spec.mrao or managed.intersection(domain.delegations)]


def _found(call: Call) -> list[DelegatedDomain]:
    query, place = call.request.query, call.request.number("orgId", low=1)
    _check_name(query.get("name", ""))
    name, state, status = (query.get(key, "").lower() for key in ("name", "state", "status"))
    return [
        domain
        for domain in visible_domains(call)
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
    items = [{"id": domain.id, "name": domain.name} for domain in call.page(found)]
    return json_response(items, headers=[total(found)])


@route("GET", "/api/domain/v1/{domainId}")
def details(call: Call) -> Response:
    """Return a domain: its validation, and its delegations that the account manages."""
    return json_response(_details(call, _domain(call)))


def _domain(call: Call) -> DelegatedDomain:
    number = call.number("domainId")
    unknown = not_found(-727, number)
    domain = call.state.domains.get(number)
    if domain is None:
        raise unknown
    if domain not in visible_domains(call):
        raise call.foreign(unknown)
    return domain


def _details(call: Call, domain: DelegatedDomain) -> dict[str, Any]:
    names = {"status": "validationStatus", "method": "validationMethod", "begin": "dcvValidation"}
    identity = {"id": domain.id, "name": domain.name, "delegationStatus": _delegation_status(domain)}
    delegations = [
        {"orgId": place, "certTypes": ["SSL"], "status": status}
        for place, status in domain.delegations.items()
        if call.manages(place)
    ]
    validation = validation_json(call, domain, names | {"end": "dcvExpiration"})
    return identity | {"state": domain.state, **validation, "delegations": delegations}


@route("POST", "/api/domain/v1")
def create(call: Call) -> Response:
    """Create a domain with its delegations; those requested by a department's officer wait for approval."""
    call.require(_MANAGE, "domain management")
    body = call.body()
    name = body.needed_text("name", longest=255).lower()
    if not is_domain_name(name):
        raise refuse(-732)
    if any(domain.name == name for domain in call.state.domains.values()):
        raise refuse(-700)
    wanted = body.objects("delegations")
    if not wanted:
        raise refuse(-709)
    delegations = {_place(call, delegation): _first_status(call) for delegation in wanted}
    entry = Domain(name, state="ACTIVE" if body.boolean("active", default=True) else "SUSPENDED", dcv="NOT_VALIDATED")
    domain = call.state.add_domain(entry, delegations)
    return created(f"{call.request.base_url}/api/domain/v1/{domain.id}")


def _place(call: Call, body: Body) -> int:
    """Return the organisation or department that a delegation names, if the account manages it."""
    if not body.texts("certTypes"):
        raise must_not_be_null(_CERT_TYPES)
    return _managed(call, body.needed_number("orgId"))


def _managed(call: Call, place: int) -> int:
    if not call.manages(place):
        raise call.foreign(refuse(-1023, place))
    return place


def _first_status(call: Call) -> str:
    """Return the status of a new delegation: a department's officer only requests it."""
    return "ACTIVE" if call.admin.spec.mrao or call.admin.spec.organisations else "REQUESTED"


@route("DELETE", "/api/domain/v1/{domainId}")
def delete(call: Call) -> Response:
    """Delete a domain, if the account manages every department that it is delegated to."""
    call.require(_MANAGE, "domain management")
    domain = _domain(call)
    if not call.state.managed_ids(call.admin).issuperset(domain.delegations):
        raise refuse(-738, "delete")
    del call.state.domains[domain.id]
    return NO_CONTENT


@route("PUT", "/api/domain/v1/{domainId}/activate")
def activate(call: Call) -> Response:
    """Activate a domain."""
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
    """Delegate a domain."""
    call.require(_MANAGE, "domain management")
    domain = _domain(call)
    domain.delegations.setdefault(_place(call, call.body()), _first_status(call))
    return EMPTY_OK


@route("POST", "/api/domain/v1/delegation")
def delegate_many(call: Call) -> Response:
    """Delegate several domains at once."""
    call.require(_MANAGE, "domain management")
    body = call.body()
    body.require("domainIds")
    numbers, place = body.numbers("domainIds"), _place(call, body)
    chosen = [domain for domain in visible_domains(call) if domain.id in numbers]
    if len(chosen) < len(set(numbers)):
        raise refuse(-727, ", ".join(map(str, numbers)))
    for domain in chosen:
        domain.delegations.setdefault(place, _first_status(call))
    return EMPTY_OK


@route("DELETE", "/api/domain/v1/{domainId}/delegation")
def withdraw(call: Call) -> Response:
    """Withdraw the delegation to the department in the body."""
    call.require(_MANAGE, "domain management")
    domain = _domain(call)
    domain.delegations.pop(_place(call, call.body()), None)
    return EMPTY_OK


@route("POST", "/api/domain/v1/{domainId}/delegation/approve")
def approve(call: Call) -> Response:
    """Approve a requested delegation."""
    return _decide(call, lambda domain, place: domain.delegations.update({place: "ACTIVE"}))


@route("POST", "/api/domain/v1/{domainId}/delegation/reject")
def reject(call: Call) -> Response:
    """Reject a requested delegation."""
    return _decide(call, lambda domain, place: domain.delegations.pop(place))


def _decide(call: Call, decision: Callable[[DelegatedDomain, int], object]) -> Response:
    call.require(_APPROVE, "delegation approval")
    domain = _domain(call)
    place = _managed(call, call.body().needed_number("orgId"))
    if domain.delegations.get(place) != "REQUESTED":
        raise refuse(-705)
    decision(domain, place)
    return EMPTY_OK
