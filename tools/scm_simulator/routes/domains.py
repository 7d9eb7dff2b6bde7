"""Domains with their delegations and validations (SCM reference §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scm_simulator.backend.state import DelegatedDomain
from scm_simulator.dates import ISO, format_date
from scm_simulator.http.messages import Response, json_response
from scm_simulator.http.routing import Call, route, total
from scm_simulator.refusals import not_found, refuse
from scm_simulator.world.dials import Dials

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
        values["method"] = "CNAME_CSR_HASH" if state.dials.enum_dialect == "labels" else "EMAIL"
        values |= {"begin": format_date(begin, ISO), "end": format_date(end, ISO)}
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
