"""Details of a certificate, its domain control validation, and its deletion (SCM reference §5.2, §5.13)."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from scm_simulator.backend.issuance import advance
from scm_simulator.backend.order import OPEN, Order
from scm_simulator.dates import date_format_named
from scm_simulator.http.messages import NO_CONTENT, Response, pretty_json
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import refuse
from scm_simulator.routes.certificate_view import certificate_json

_SECONDS = "%Y-%m-%d %H:%M:%S"


@route("GET", "/api/ssl/v1/{sslId}")
def details(call: Call) -> Response:
    """Return the details of a certificate; `dateFormat` selects the format of dates."""
    order = call.certificate()
    order.detail_queries += 1
    advance(call.state, order)
    date_format = date_format_named(call.request.query.get("dateFormat", ""))
    return pretty_json(certificate_json(call.state, order, date_format))


@route("GET", "/api/ssl/v1/{sslId}/dcv")
def dcv(call: Call) -> Response:
    """Return the validation of each name."""
    return pretty_json(_dcv_json(call, call.certificate()))


@route("POST", "/api/ssl/v1/{sslId}/dcv/recheck")
def recheck(call: Call) -> Response:
    """Request a new check of the validations: 202 with the same answer as before."""
    call.require("allowDCV", "DCV validation")
    return pretty_json(_dcv_json(call, call.certificate()), status=202)


def _dcv_json(call: Call, order: Order) -> dict[str, Any]:
    entries = [_dcv_entry(call, order, name) for name in order.names]
    instructions = [
        _instruction(entry["domainName"])
        for entry in entries
        if entry["dcvStatus"] != "Validated" and order.status in OPEN
    ]
    return {"dcvLog": {"error": {"code": 0, "description": None}, "log": entries}, "instructions": instructions}


def _dcv_entry(call: Call, order: Order, name: str) -> dict[str, Any]:
    state, now = call.state, call.state.now()
    domain = state.delegated(name, order.department_id)
    validated = domain is not None and state.domain_validation(domain, name) == "VALIDATED"
    return {
        "dcvStatus": "Validated" if validated else "Awaiting Validation",
        "domainName": name,
        "lastCheck": now.strftime(_SECONDS),
        "nextCheck": (now + timedelta(hours=1)).strftime(_SECONDS),
        "dcvDate": domain.validated_at.strftime(_SECONDS) if domain and validated else None,
        "dcvEmailRefNumber": None,
    }


def _instruction(name: str) -> dict[str, str]:
    digest = sha256(name.encode()).hexdigest()
    return {
        "domainName": name,
        "dcvMode": "CNAME",
        "host": f"_{digest[:32]}.{name.removeprefix('*.')}.",
        "point": f"{digest[:32]}.{digest[32:]}.sectigo.com.",
    }


@route("DELETE", "/api/ssl/v1/{sslId}")
def delete(call: Call) -> Response:
    """Delete a certificate; only imported and discovered ones can be deleted."""
    order = call.certificate()
    call.require("sslManage", "certificate deletion")
    if order.via not in ("Imported", "Discovery"):
        raise refuse(-37)
    del call.state.orders[order.ssl_id]
    return NO_CONTENT
