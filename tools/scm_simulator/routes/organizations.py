"""Organisations and departments (SCM reference §6.1, §6.2, §6.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scm_simulator.dates import ISO_HMS, format_date
from scm_simulator.http.messages import JSON_PLAIN, Response, pretty_json
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import not_found, refuse
from scm_simulator.world.world import Department, Organisation

_ROLES = ("MRAO", *(f"{role}_{kind}" for kind in ("SSL", "SMIME", "CS", "DEVICE") for role in ("RAO", "DRAO")))
_SSL: dict[str, Any] = {"certTypes": ["SSL"]}


def _response(value: object) -> Response:
    return pretty_json(value, media=JSON_PLAIN)


@route("GET", "/api/organization/v1")
def organizations(call: Call) -> Response:
    """List what the account manages: departments inside their organisations."""
    items = []
    for organisation in call.state.world.organisations:
        departments = _departments(call, organisation)
        if departments or call.manages(organisation.id):
            items.append({"id": organisation.id, "name": organisation.name, "departments": departments})
    return _response(items)


def _departments(call: Call, organisation: Organisation) -> list[dict[str, Any]]:
    departments = [department for department in organisation.departments if call.manages(department.id)]
    return [_department(organisation, department) for department in departments]


def _department(organisation: Organisation, department: Department) -> dict[str, Any]:
    return {"id": department.id, "parentName": organisation.name, "name": department.name}


@route("GET", "/api/organization/v1/managedBy/{role}", "/api/organization/v1/managed-by/{role}")
def managed_by(call: Call) -> Response:
    """List, flat, what the account manages in a role; the vendor's documents spell the path in two ways."""
    role = call.params["role"]
    if role not in _ROLES:
        raise refuse(-1601, "role")
    return _response(_in_role(call, role))


def _in_role(call: Call, role: str) -> list[dict[str, Any]]:
    spec, organisations = call.admin.spec, call.state.world.organisations
    if role == "DRAO_SSL":
        return [_department(o, d) for o in organisations for d in o.departments if d.id in spec.departments]
    return [
        {"id": organisation.id, "name": organisation.name}
        for organisation in organisations
        if (role == "RAO_SSL" and organisation.id in spec.organisations) or (role == "MRAO" and spec.mrao)
    ]


@route("GET", "/api/organization/v1/{orgId}")
def details(call: Call) -> Response:
    """Return an organisation or department; sslCertsApiEnabled is its Web/REST API setting."""
    number = call.number("orgId")
    organisation = _organisation(call, number)
    department = call.state.world.departments.get(number)
    if department is None:
        members: dict[str, Any] = {"id": organisation.id, "name": organisation.name}
        members |= {"departments": _departments(call, organisation), "sslCertsApiEnabled": False}
    else:
        members = _department(organisation, department) | {"parentId": organisation.id, "departments": []}
        members["sslCertsApiEnabled"] = call.state.web_api(department, ())
    return _response(members | _SSL | _address(organisation) | {"clientCertsApiEnabled": False})


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


def _organisation(call: Call, number: int) -> Organisation:
    """Return the organisation with this id, or the one of the department with this id."""
    unknown = not_found(-1023, number)
    organisation = call.state.world.parents.get(number)
    if organisation is None:
        raise unknown
    if not call.manages(number):
        raise call.foreign(unknown)
    return organisation


@route("GET", "/api/organization/v2/{orgId}/validations")
def validations(call: Call) -> Response:
    """List the validations of an organisation: a single one, OV."""
    return _response([_validation(call)])


def _validation(call: Call) -> dict[str, Any]:
    number = call.number("orgId")
    organisation = _organisation(call, number)
    status = call.state.organisation_validation(number)
    members: dict[str, Any] = {"id": organisation.id + 10_000, "validationLevel": "OV_SSL", "status": status}
    if status == "VALIDATED":
        end = call.state.started + timedelta(days=organisation.validation_expires_in_days)
        members["expires"] = format_date(end, ISO_HMS)
    return members | {"alternative": False, "backendId": organisation.id, "backendType": "SASP"}
