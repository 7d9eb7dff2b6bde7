"""Domains, their delegation and their validation (SCM reference §7, §8)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from scm_simulator import Account, Department, Domain, Organisation, World
from tests.simulator.driver import FOREIGN_DEPARTMENT, NAME, Scm, enrollment, refusal

WILDCARD = f"*.{NAME}"


def names(answer: httpx.Response) -> list[str]:
    """Return the names that are listed."""
    return [domain["name"] for domain in answer.json()]


def id_of(scm: Scm, name: str, *, by: str = "drao") -> int:
    """Return the id of the domain with exactly this name."""
    [domain] = [domain for domain in scm.get("/domain/v1", by=by).json() if domain["name"] == name]
    return int(domain["id"])


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
    """A domain of two departments is a single entry, and shows only the account's own delegation."""
    departments = tuple(Department(number, "D", domains=(Domain(NAME),)) for number in (2001, 2002))
    scm = Scm(replace(scm.simulator.world, organisations=(Organisation(2000, "O", departments=departments),)))

    details = scm.get(f"/domain/v1/{id_of(scm, NAME)}").json()

    assert id_of(scm, NAME) == id_of(scm, NAME, by="other-drao")
    assert details["delegations"] == [{"orgId": 2001, "certTypes": ["SSL"], "status": "ACTIVE"}]
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
    """An officer sees neither other departments nor its registration authority."""
    foreign = enrollment("theirs.example.edu", orgId=FOREIGN_DEPARTMENT)
    assert scm.post("/ssl/v1/enroll", by="other-drao", json=foreign).is_success

    assert scm.get(path, by="mrao").is_success
    assert refusal(scm.get(path)) == (404, code)
    scm.dials.foreign_id = "denied"
    assert refusal(scm.get(path)) == (400, -37)


def test_privileges_are_needed_for_validations(scm: Scm):
    """A client that only renews does not have them."""
    assert refusal(scm.get("/dcv/v1/validation")) == (400, -3)
    assert refusal(scm.post("/dcv/v2/validation/status", json={"domain": NAME})) == (400, -3)


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
    assert refusal(scm.post("/dcv/v1/validation/status", by="rao", json={"domain": "new.example.edu"})) == (400, -727)


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
