"""Domains, their delegation and their validation (SCM reference §7, §8)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from scm_simulator import Account, Department, Domain, Organisation, World
from tests.simulator.driver import FOREIGN_DEPARTMENT, NAME, Scm, enrollment, refusal

WILDCARD = f"*.{NAME}"
NEW = "new.example.edu"


def names(answer: httpx.Response) -> list[str]:
    """Return the names that are listed."""
    return [domain["name"] for domain in answer.json()]


def id_of(scm: Scm, name: str, *, by: str = "drao") -> int:
    """Return the id of the domain with exactly this name."""
    [domain] = [domain for domain in scm.get("/domain/v1", by=by).json() if domain["name"] == name]
    return int(domain["id"])


def delegation(place: int = 2001) -> dict[str, Any]:
    """Return the body that delegates to a department."""
    return {"orgId": place, "certTypes": ["SSL"]}


def test_an_officer_lists_the_domains_of_its_department(scm: Scm):
    """A plain entry and a wildcard entry are two domains with two ids."""
    listed = scm.get("/domain/v1")

    assert names(listed) == [NAME, WILDCARD, "requested.example.edu", "suspended.example.edu", "expired.example.edu"]
    assert listed.headers["x-total-count"] == "5"
    assert names(scm.get("/domain/v1", by="other-drao")) == ["theirs.example.edu"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "suspended"}, ["suspended.example.edu"]),
        ({"state": "inactive"}, ["suspended.example.edu"]),
        ({"status": "requested"}, ["requested.example.edu"]),
        ({"size": 1, "position": 1}, [WILDCARD]),
        ({"orgId": 2002}, []),
    ],
)
def test_domains_are_filtered_and_paged(scm: Scm, query: dict[str, Any], found: list[str]):
    """Filters and pages work as in every list."""
    assert names(scm.get("/domain/v1", params=query)) == found


def test_details_show_delegation_and_validation(scm: Scm):
    """They show only the account's own delegations."""
    scm.post(f"/domain/v1/{id_of(scm, NAME)}/delegation", by="rao", json=delegation(2002))

    details = scm.get(f"/domain/v1/{id_of(scm, NAME)}").json()

    assert details["delegations"] == [delegation() | {"status": "ACTIVE"}]
    assert (details["validationStatus"], details["dcvExpiration"]) == ("VALIDATED", "2026-11-17")


@pytest.mark.parametrize(
    ("dcv", "dialect", "text", "method"),
    [
        ("NOT_VALIDATED", "labels", "Not validated", None),
        ("VALIDATED", "labels", "Validated", "CNAME_CSR_HASH"),
        ("EXPIRED", "constants", "EXPIRED", "EMAIL"),
    ],
)
def test_a_validation_is_written_in_one_of_two_dialects(scm: Scm, dcv: Any, dialect: Any, text: str, method: Any):
    """The vendor's example has EMAIL beside VALIDATED, the OpenAPI document CNAME_CSR_HASH beside Validated."""
    scm.dials.dcv, scm.dials.enum_dialect = dcv, dialect

    details = scm.get(f"/domain/v1/{id_of(scm, NAME)}").json()
    listed = scm.get("/dcv/v1/validation", by="rao").json()[0]

    assert (details["validationStatus"], details.get("validationMethod")) == (text, method)
    assert (listed["dcvStatus"], listed.get("dcvMethod")) == (text, method)
    assert ("dcvExpiration" in details) == (dcv != "NOT_VALIDATED")


def test_a_name_filter_has_2_to_256_characters(scm: Scm):
    """The limits are documented."""
    for name in ("a", "a" * 257):
        assert refusal(scm.get("/domain/v1", params={"name": name})) == (400, -1001)
    assert scm.get("/domain/v1", params={"name": ""}).is_success


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/domain/v1/abc", -727),
        ("/organization/v1/abc", -1023),
        ("/organization/v2/abc/validations", -1023),
        ("/admin/v1/roles", -5101),
        ("/ssl/v1/collect/abc", -124),
        ("/domain/v1/4711", -727),
        ("/ssl/v1/collect/4711", -5101),
    ],
)
def test_an_unknown_id_has_the_code_of_its_area(scm: Scm, path: str, code: int):
    """A client decides by the code."""
    assert refusal(scm.get(path, by="mrao")) == (404, code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/domain/v1/406", -727),
        ("/organization/v1/2000", -1023),
        ("/organization/v1/2002", -1023),
        ("/admin/v1/1603", -5101),
        ("/ssl/v1/collect/10001", -5101),
    ],
)
def test_what_others_manage_is_not_found_or_denied_by_dial(scm: Scm, path: str, code: int):
    """SCM shows an officer neither other departments nor its registration authority."""
    foreign = enrollment("theirs.example.edu", orgId=FOREIGN_DEPARTMENT)
    assert scm.post("/ssl/v1/enroll", by="other-drao", json=foreign).is_success

    assert scm.get(path, by="mrao").is_success
    assert refusal(scm.get(path)) == (404, code)
    scm.dials.foreign_id = "denied"
    assert refusal(scm.get(path)) == (400, -37)


def test_a_new_domain_needs_a_validation(scm: Scm):
    """A delegation by the registration authority is active at once."""
    created = scm.post("/domain/v1", by="rao", json={"name": NEW, "delegations": [delegation()]})

    assert created.status_code == 201
    assert created.headers["location"].endswith(f"/api/domain/v1/{id_of(scm, NEW)}")
    assert scm.refused(NEW) == (400, -107)
    scm.simulator.behave(NEW, dcv="VALIDATED")
    assert scm.enroll(NEW)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": NAME, "delegations": [delegation()]}, -700),
        ({"name": "no name", "delegations": [delegation()]}, -732),
        ({"name": NEW, "delegations": []}, -709),
        ({"name": NEW, "delegations": [{"orgId": 2001}]}, -1001),
        ({"name": NEW, "delegations": [delegation(4711)]}, -1023),
    ],
)
def test_each_error_in_a_new_domain_has_its_code(scm: Scm, body: dict[str, Any], code: int):
    """A refused domain is not created."""
    assert refusal(scm.post("/domain/v1", by="rao", json=body)) == (400, code)
    assert NEW not in names(scm.get("/domain/v1", by="rao"))


def test_privileges_are_needed_for_domains_and_validations(scm: Scm):
    """A client that only renews does not have them."""
    number = id_of(scm, NAME)

    assert refusal(scm.post("/domain/v1", json={"name": NEW})) == (400, -3)
    assert refusal(scm.delete(f"/domain/v1/{number}")) == (400, -3)
    assert refusal(scm.post(f"/domain/v1/{number}/delegation/approve", json={"orgId": 2001})) == (400, -3)
    assert refusal(scm.get("/dcv/v1/validation")) == (400, -3)
    assert refusal(scm.post("/dcv/v2/validation/status", json={"domain": NAME})) == (400, -3)


def test_a_requested_delegation_is_approved_once(scm: Scm):
    """The name is not allowed before the approval."""
    name = "requested.example.edu"
    path = f"/domain/v1/{id_of(scm, name)}/delegation"

    assert scm.refused(name) == (400, -1010)
    assert scm.post(f"{path}/approve", by="rao", json={"orgId": 2001}).status_code == 200
    assert scm.enroll(name)
    assert refusal(scm.post(f"{path}/reject", by="rao", json={"orgId": 2001})) == (400, -705)


def test_a_rejected_delegation_is_deleted(scm: Scm):
    """The department no longer lists the domain."""
    path = f"/domain/v1/{id_of(scm, 'requested.example.edu')}/delegation/reject"

    assert scm.post(path, by="rao", json={"orgId": 2001}).status_code == 200
    assert "requested.example.edu" not in names(scm.get("/domain/v1"))


def test_delegations_are_added_and_withdrawn(scm: Scm):
    """The withdrawal is a DELETE with a body, which some HTTP libraries do not support."""
    theirs, ours = (f"/domain/v1/{id_of(scm, name, by='rao')}/delegation" for name in ("theirs.example.edu", NAME))

    assert scm.post(theirs, by="rao", json=delegation()).status_code == 200
    assert scm.enroll("theirs.example.edu")
    assert scm.request("DELETE", ours, by="rao", json=delegation()).status_code == 200
    assert scm.refused(NAME) == (400, -1010)


def test_several_domains_are_delegated_at_once(scm: Scm):
    """An unknown id refuses all of them."""
    path, numbers = "/domain/v1/delegation", [id_of(scm, NAME), id_of(scm, WILDCARD)]

    assert refusal(scm.post(path, by="rao", json=delegation(2002) | {"domainIds": [*numbers, 4711]})) == (400, -727)
    assert names(scm.get("/domain/v1", by="other-drao")) == ["theirs.example.edu"]
    assert scm.post(path, by="rao", json=delegation(2002) | {"domainIds": numbers}).is_success
    assert {NAME, WILDCARD} <= set(names(scm.get("/domain/v1", by="other-drao")))
    assert refusal(scm.post(path, by="rao", json=delegation())) == (400, -1001)


def test_only_an_mrao_can_suspend_a_domain(scm: Scm):
    """A domain can be delegated to several departments, and only who manages all of them can delete it."""
    path = f"/domain/v1/{id_of(scm, NAME)}"

    assert refusal(scm.put(f"{path}/suspend", by="rao")) == (400, -738)
    for action, state in (("suspend", "SUSPENDED"), ("activate", "ACTIVE")):
        assert scm.put(f"{path}/{action}", by="mrao").status_code == 200
        assert scm.get(path, by="mrao").json()["state"] == state
    assert scm.delete(path, by="rao").status_code == 204
    assert scm.get(path, by="rao").status_code == 404


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 7),
        ({"org": 2000}, 7),
        ({"dcvStatus": "EXPIRED"}, ["expired.example.edu"]),
        ({"dcvStatus": "Expired"}, ["expired.example.edu"]),
        ({"department": 2001, "expiresIn": 30}, ["expired.example.edu"]),
        ({"department": 2002}, ["theirs.example.edu"]),
        ({"org": 2000, "department": 2002}, ["theirs.example.edu"]),
        ({"org": 9999, "department": 2002}, []),
        ({"org": 2000, "department": 9999}, []),
        ({"domain": "suspended", "orderStatus": "NOT_INITIATED"}, ["suspended.example.edu"]),
        ({"orderStatus": "SUBMITTED"}, []),
    ],
)
def test_validations_are_filtered(scm: Scm, version: str, query: dict[str, Any], found: Any):
    """`expiresIn` is the early warning of a client; filters are ANDed (SCM reference §3.4)."""
    listed = [item["domain"] for item in scm.get(f"/dcv/{version}/validation", by="rao", params=query).json()]

    assert (len(listed) if isinstance(found, int) else listed) == found


def test_the_validation_of_an_unknown_domain_is_refused(scm: Scm):
    """The domain is selected by its name, not by its id."""
    assert refusal(scm.post("/dcv/v1/validation/status", by="rao", json={"domain": NEW})) == (400, -727)


@pytest.mark.parametrize(
    ("entry", "dial", "status", "end_in_days"),
    [
        (Domain("d.example.edu", dcv="EXPIRED"), "", "EXPIRED", -1),
        (Domain("d.example.edu", dcv_expires_in_days=-30), "", "EXPIRED", -30),
        (Domain("d.example.edu"), "EXPIRED", "EXPIRED", -1),
        (Domain("d.example.edu", dcv_expires_in_days=-30), "VALIDATED", "VALIDATED", 180),
    ],
)
def test_status_and_dates_of_a_validation_are_consistent(entry: Domain, dial: Any, status: str, end_in_days: int):
    """A client uses the date or the status, and every view must give it the same result."""
    department = Department(2, "D", domains=(entry,))
    scm = Scm(World((Organisation(1, "O", departments=(department,)),), (Account("m", "x", mrao=True),), ()))
    scm.dials.dcv = dial

    listed = scm.get("/dcv/v1/validation", by="m").json()[0]
    single = scm.post("/dcv/v2/validation/status", by="m", json={"domain": "d.example.edu"}).json()
    details = scm.get("/domain/v1/401", by="m").json()
    soon = scm.get("/dcv/v2/validation", by="m", params={"expiresIn": 30}).json()

    end = (scm.clock() + timedelta(days=end_in_days)).date().isoformat()
    assert listed["dcvStatus"] == single["status"] == details["validationStatus"] == status
    assert listed["expirationDate"] == single["expirationDate"] == details["dcvExpiration"] == end
    assert single["validationDate"] == details["dcvValidation"] < end
    assert bool(soon) == (status == "EXPIRED")


@pytest.mark.parametrize(
    ("entry", "ends"),
    [
        (Domain("d.example.edu", dcv_rolls=True, dcv_expires_in_days=10), ["2026-05-31", "2026-06-10", "2026-06-10"]),
        (Domain("d.example.edu", dcv_dated=False), [None, None, None]),
    ],
)
def test_a_validation_may_roll_or_have_no_date(entry: Domain, ends: list[str | None]):
    """What SCM shows of a persistent validation is not documented."""
    department = Department(2, "D", domains=(replace(entry, dcv_method="DNS_PERSISTENT"),))
    scm = Scm(World((Organisation(1, "O", departments=(department,)),), (Account("m", "x", mrao=True),), ()))
    found = []
    for days in (9, 1, 9):
        scm.clock.forward(days=days)
        details = scm.get("/domain/v1/401", by="m").json()
        assert (details["validationStatus"], details["validationMethod"]) == ("VALIDATED", "DNS_PERSISTENT")
        found.append(details.get("dcvExpiration"))

    assert found == ends
