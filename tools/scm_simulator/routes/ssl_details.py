"""Details of one certificate, its domain control validation, and its removal (SCM reference §5.2, §5.13)."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from scm_simulator.dates import form_named
from scm_simulator.details import certificate_shown
from scm_simulator.issuance import advance
from scm_simulator.order import OPEN, Order
from scm_simulator.refusals import refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import JSON_UTF8, NO_CONTENT, Response, json_answer

_SECONDS = "%Y-%m-%d %H:%M:%S"


@route("GET", "/api/ssl/v1/{sslId}")
def details(call: Call) -> Response:
    """Tell all about one certificate; `dateFormat` chooses how dates are written."""
    order = call.order(missing=-5101, status=404)
    order.looks += 1
    advance(call.state, order)
    form = form_named(call.request.query.get("dateFormat", ""))
    return json_answer(certificate_shown(call.state, order, form), media=JSON_UTF8, pretty=True)


@route("GET", "/api/ssl/v1/{sslId}/dcv")
def dcv(call: Call) -> Response:
    """Tell how far the validation of each name is."""
    order = call.order(missing=-5101, status=404)
    return json_answer(_dcv_shown(call, order), media=JSON_UTF8, pretty=True)


@route("POST", "/api/ssl/v1/{sslId}/dcv/recheck")
def recheck(call: Call) -> Response:
    """Ask for another look at the validations; same answer as before, 202."""
    call.require("allowDCV", "DCV validation")
    order = call.order(missing=-5101, status=404)
    return json_answer(_dcv_shown(call, order), status=202, media=JSON_UTF8, pretty=True)


def _dcv_shown(call: Call, order: Order) -> dict[str, Any]:
    entries = [_dcv_entry(call, order, name) for name in order.names]
    instructions = [
        _instruction(name)
        for name, entry in zip(order.names, entries, strict=True)
        if entry["dcvStatus"] != "Validated" and order.status in OPEN
    ]
    return {
        "dcvLog": {"error": {"code": 0, "description": None}, "log": entries},
        "instructions": instructions,
    }


def _dcv_entry(call: Call, order: Order, name: str) -> dict[str, Any]:
    state = call.state
    domain = state.delegated(name, order.department_id)
    validated = domain is not None and state.domain_validation(domain, name) == "VALIDATED"
    now = state.now()
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
    base = name.removeprefix("*.")
    return {
        "domainName": name,
        "dcvMode": "CNAME",
        "host": f"_{digest[:32]}.{base}.",
        "point": f"{digest[:32]}.{digest[32:]}.sectigo.com.",
    }


@route("DELETE", "/api/ssl/v1/{sslId}")
def delete(call: Call) -> Response:
    """Forget a certificate; only an imported or discovered one can be forgotten."""
    order = call.order(missing=-5101, status=404)
    call.require("sslManage", "certificate deletion")
    if order.via not in ("Imported", "Discovery"):
        raise refuse(-37)
    del call.state.orders[order.ssl_id]
    return NO_CONTENT
