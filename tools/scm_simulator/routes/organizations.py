"""Organisations and departments (SCM reference §6.1, §6.2, §6.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scm_simulator.dates import ISO_HMS, written
from scm_simulator.refusals import not_found, refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import JSON_PLAIN, Response, json_answer
from scm_simulator.world import Department, Organisation

_ROLES = (
    "MRAO",
    "RAO_SSL",
    "DRAO_SSL",
    "RAO_SMIME",
    "DRAO_SMIME",
    "RAO_CS",
    "DRAO_CS",
    "RAO_DEVICE",
    "DRAO_DEVICE",
)
_REPORT_TYPES = ("SSL", "Client", "Device", "CodeSign")


def _pretty(value: object) -> Response:
    return json_answer(value, media=JSON_PLAIN, pretty=True)


@route("GET", "/api/organization/v1")
def organizations(call: Call) -> Response:
    """List what the account manages: departments within their organisations, or alone, as the dial says."""
    return _pretty(_listed(call))


@route("GET", "/api/organization/v1/report-type/{reportType}")
def by_report_type(call: Call) -> Response:
    """List what has certificates of a kind; everything here has SSL and nothing else."""
    if call.params["reportType"] not in _REPORT_TYPES:
        raise refuse(-1601, "report-type")
    return _pretty(_listed(call) if call.params["reportType"] == "SSL" else [])


def _listed(call: Call) -> list[dict[str, Any]]:
    seen = call.state.visible(call.admin)
    top_level = call.state.dials.organisation_list == "top-level"
    items: list[dict[str, Any]] = []
    for organisation in call.state.world.organisations:
        departments = [_department(call, organisation, d) for d in organisation.departments if d.id in seen]
        if top_level and organisation.id not in seen:
            items += departments
        elif departments or organisation.id in seen:
            items.append(_organisation(call, organisation, departments))
    return items


def _department(call: Call, organisation: Organisation, department: Department) -> dict[str, Any]:
    item: dict[str, Any] = {"id": department.id, "parentName": organisation.name, "name": department.name}
    return item | _cert_types(call)


def _organisation(call: Call, organisation: Organisation, departments: list[dict[str, Any]]) -> dict[str, Any]:
    item = {"id": organisation.id, "name": organisation.name, "departments": departments}
    return item | _cert_types(call)


def _cert_types(call: Call) -> dict[str, Any]:
    return {"certTypes": ["SSL"]} if call.state.dials.organisation_cert_types else {}


@route("GET", "/api/organization/v1/managedBy/{role}", "/api/organization/v1/managed-by/{role}")
def managed_by(call: Call) -> Response:
    """List, flat, what the account manages in one role; the dial managed_by chooses the spelling served."""
    spelling = call.request.path.split("/")[4]
    if call.state.dials.managed_by not in ("both", spelling):
        raise not_found(-5101, call.request.path)
    role = call.params["role"]
    if role not in _ROLES:
        raise refuse(-1601, "role")
    return _pretty(_in_role(call, role))


def _in_role(call: Call, role: str) -> list[dict[str, Any]]:
    spec, items = call.admin.spec, []
    for organisation in call.state.world.organisations:
        if (role == "RAO_SSL" and organisation.id in spec.organisations) or (role == "MRAO" and spec.mrao):
            items.append({"id": organisation.id, "name": organisation.name})
        if role == "DRAO_SSL":
            items += [
                {"id": d.id, "name": d.name, "parentName": organisation.name}
                for d in organisation.departments
                if d.id in spec.departments
            ]
    return items


@route("GET", "/api/organization/v1/{orgId}")
def details(call: Call) -> Response:
    """Tell one organisation or department; sslCertsApiEnabled is its Web/REST API tick."""
    number = call.number("orgId")
    organisation = _parent(call, number)
    department = call.state.world.departments.get(number)
    if department is None:
        return _pretty(_organisation_details(call, organisation))
    web_api = call.state.web_api(department, ())
    shown = _address(organisation) | {"sslCertsApiEnabled": web_api, "clientCertsApiEnabled": False}
    parent = {"parentId": organisation.id, "parentName": organisation.name}
    return _pretty({"id": number, "name": department.name, **parent, "certTypes": ["SSL"], "departments": []} | shown)


def _organisation_details(call: Call, organisation: Organisation) -> dict[str, Any]:
    seen = call.state.visible(call.admin)
    departments = [
        {"id": d.id, "parentName": organisation.name, "name": d.name} for d in organisation.departments if d.id in seen
    ]
    shown = {
        "id": organisation.id,
        "name": organisation.name,
        "certTypes": ["SSL"],
        "departments": departments,
    }
    return shown | _address(organisation) | {"sslCertsApiEnabled": False, "clientCertsApiEnabled": False}


def _address(organisation: Organisation) -> dict[str, Any]:
    return {
        "address1": "1 Example Street",
        "city": "Example",
        "stateOrProvince": "Example",
        "postalCode": "00000",
        "country": organisation.country,
        "clientCertificate": {
            "allowKeyRecoveryByMasterAdmins": False,
            "allowKeyRecoveryByOrgAdmins": False,
            "allowKeyRecoveryByDepartmentAdmins": False,
        },
    }


def _parent(call: Call, number: int) -> Organisation:
    missing = not_found(-1023, number)
    organisation = call.state.world.parents.get(number)
    if organisation is None:
        raise missing
    if not call.sees(number):
        raise call.hidden(missing)
    return organisation


@route("GET", "/api/organization/v2/{orgId}/validations")
def validations(call: Call) -> Response:
    """List the validations of an organisation: one, OV."""
    return _pretty([_validation(call)])


@route("GET", "/api/organization/v2/{orgId}/validations/{validationId}")
def validation(call: Call) -> Response:
    """Tell one validation of an organisation."""
    shown = _validation(call)
    if call.number("validationId") != shown["id"]:
        raise not_found(-5101, call.params["validationId"])
    return _pretty(shown)


def _validation(call: Call) -> dict[str, Any]:
    number = call.number("orgId")
    organisation = _parent(call, number)
    status = call.state.organisation_validation(number)
    shown: dict[str, Any] = {"id": organisation.id + 10_000, "validationLevel": "OV_SSL", "status": status}
    if status == "VALIDATED":
        ends = call.state.started + timedelta(days=organisation.validation_expires_in_days)
        shown["expires"] = written(ends, ISO_HMS)
    return shown | {"alternative": False, "backendId": organisation.id, "backendType": "SASP"}
