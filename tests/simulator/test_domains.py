"""Domains, their delegation and their validation (SCM reference §7, §8)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from scm_simulator import Account, Department, Domain, Organisation, Simulator, World
from tests.simulator.material import BASE_URL, NAME, ClientMaker, Clock, RequestMaker, refusal

STAR = f"*.{NAME}"


def names(answer: httpx.Response) -> list[str]:
    """Return the names that are listed."""
    return [one["name"] for one in answer.json()]


def id_of(client: httpx.Client, name: str) -> int:
    """Return the id of the domain with this very name."""
    [found] = [one for one in client.get("/domain/v1", params={"size": 200}).json() if one["name"] == name]
    return int(found["id"])


def test_an_officer_sees_the_domains_delegated_to_its_department(scm: httpx.Client, connect: ClientMaker):
    """The plain entry and the star entry are two domains with two ids."""
    listed = scm.get("/domain/v1")

    assert names(listed) == [
        NAME,
        STAR,
        "asked.example.edu",
        "asleep.example.edu",
        "lapsed.example.edu",
    ]
    assert listed.headers["x-total-count"] == "5"
    assert names(connect("other-drao").get("/domain/v1")) == ["theirs.example.edu"]
    assert scm.get("/domain/v1/count").json() == {"count": 5}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "asleep"}, ["asleep.example.edu"]),
        ({"state": "inactive"}, ["asleep.example.edu"]),
        ({"status": "requested"}, ["asked.example.edu"]),
        ({"size": 1, "position": 1}, [STAR]),
        ({"orgId": 2002}, []),
    ],
)
def test_domains_are_filtered_and_paged(scm: httpx.Client, query: dict[str, Any], found: list[str]):
    """As every list is."""
    assert names(scm.get("/domain/v1", params=query)) == found


def test_details_tell_the_delegation_and_the_validation(scm: httpx.Client):
    """Of the delegations only the account's own are told."""
    shown = scm.get(f"/domain/v1/{id_of(scm, NAME)}").json()

    assert shown["delegations"] == [{"orgId": 2001, "certTypes": ["SSL"], "status": "ACTIVE"}]
    assert (shown["validationStatus"], shown["dcvExpiration"]) == ("VALIDATED", "2026-11-17")


def test_a_validation_ends_with_its_time(scm: httpx.Client, clock: Clock):
    """Ninety days later everything is as before but the validation."""
    number = id_of(scm, "lapsed.example.edu")

    assert scm.get(f"/domain/v1/{number}").json()["validationStatus"] == "EXPIRED"


@pytest.mark.parametrize(
    ("dcv", "dialect", "word"),
    [
        ("NOT_VALIDATED", "labels", "Not validated"),
        ("VALIDATED", "labels", "Validated"),
        ("EXPIRED", "constants", "EXPIRED"),
    ],
)
def test_validations_are_told_in_constants_or_labels(
    simulator: Simulator, scm: httpx.Client, dcv: Any, dialect: Any, word: str
):
    """Text and example of the documentation differ: normalise."""
    simulator.dials.dcv, simulator.dials.enum_dialect = dcv, dialect

    shown = scm.get(f"/domain/v1/{id_of(scm, NAME)}").json()

    assert shown["validationStatus"] == word
    assert ("dcvExpiration" in shown) == (dcv != "NOT_VALIDATED")


@pytest.mark.parametrize("name", ["a", "a" * 257])
def test_a_name_to_look_for_has_two_to_256_characters(scm: httpx.Client, name: str):
    """As the documentation says; a client that searches by one letter is refused."""
    assert refusal(scm.get("/domain/v1", params={"name": name})) == (400, -1001)
    assert refusal(scm.get("/domain/v1/count", params={"name": name})) == (400, -1001)
    assert scm.get("/domain/v1", params={"name": ""}).is_success


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/domain/v1/abc", -727),
        ("/organization/v1/abc", -1023),
        ("/organization/v2/abc/validations", -1023),
        ("/admin/v1/roles", -5101),
        ("/ssl/v1/collect/abc", -124),
    ],
)
def test_an_id_that_is_no_number_is_refused_in_the_code_of_its_area(connect: ClientMaker, path: str, code: int):
    """A domain that is not found is no wrong certificate: clients go by the code."""
    assert refusal(connect("mrao").get(path)) == (404, code)


def test_unknown_and_foreign_domains_are_not_found(simulator: Simulator, scm: httpx.Client, connect: ClientMaker):
    """One cannot tell them apart, unless the dial says so."""
    foreign = id_of(connect("other-drao"), "theirs.example.edu")

    assert refusal(scm.get("/domain/v1/4711")) == (404, -727)
    assert refusal(scm.get(f"/domain/v1/{foreign}")) == (404, -727)
    simulator.dials.foreign_id = "denied"
    assert refusal(scm.get(f"/domain/v1/{foreign}")) == (400, -37)


def delegation(place: int = 2001) -> dict[str, Any]:
    """Return the body that delegates to a department."""
    return {"orgId": place, "certTypes": ["SSL"]}


def test_a_new_domain_is_delegated_validated_and_only_then_of_use(
    simulator: Simulator, connect: ClientMaker, request_for: RequestMaker
):
    """Created by the registration authority its delegation is active, its validation is still to come."""
    above, officer = connect("rao"), connect()
    body = {"name": "new.example.edu", "delegations": [delegation()]}

    created = above.post("/domain/v1", json=body)
    early = officer.post("/ssl/v1/enroll", json=request_for("new.example.edu"))
    simulator.behave("new.example.edu", dcv="VALIDATED")

    assert created.status_code == 201
    assert created.headers["location"].endswith(f"/api/domain/v1/{id_of(officer, 'new.example.edu')}")
    assert refusal(early) == (400, -107)
    assert officer.post("/ssl/v1/enroll", json=request_for("new.example.edu")).is_success


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": NAME, "delegations": [delegation()]}, -700),
        ({"name": "no name", "delegations": [delegation()]}, -732),
        ({"name": "new.example.edu", "delegations": []}, -709),
        ({"name": "new.example.edu", "delegations": [{"orgId": 2001}]}, -1001),
        ({"name": "new.example.edu", "delegations": [delegation(4711)]}, -1023),
    ],
)
def test_a_domain_is_refused_with_a_code_of_its_own(connect: ClientMaker, body: dict[str, Any], code: int):
    """Nothing half-made stays behind."""
    above = connect("rao")

    assert refusal(above.post("/domain/v1", json=body)) == (400, code)
    assert "new.example.edu" not in names(above.get("/domain/v1"))


def test_an_officer_needs_the_privilege_to_touch_domains(scm: httpx.Client):
    """A bot for renewals does without."""
    assert refusal(scm.post("/domain/v1", json={"name": "x.example.edu"})) == (400, -3)
    assert refusal(scm.delete(f"/domain/v1/{id_of(scm, NAME)}")) == (400, -3)


def test_a_requested_delegation_is_approved_or_rejected_by_those_above(connect: ClientMaker, request_for: RequestMaker):
    """Until then the name is not allowed."""
    above, officer = connect("rao"), connect()
    number = id_of(above, "asked.example.edu")
    request = request_for("asked.example.edu")

    assert refusal(officer.post("/ssl/v1/enroll", json=request)) == (400, -1010)
    assert above.post(f"/domain/v1/{number}/delegation/approve", json={"orgId": 2001}).status_code == 200
    assert officer.post("/ssl/v1/enroll", json=request).is_success
    assert refusal(above.post(f"/domain/v1/{number}/delegation/reject", json={"orgId": 2001})) == (400, -705)
    assert refusal(officer.post(f"/domain/v1/{number}/delegation/approve", json={"orgId": 2001})) == (400, -3)


def test_a_rejected_delegation_is_gone(connect: ClientMaker):
    """The department no longer sees the domain."""
    above = connect("rao")
    number = id_of(above, "asked.example.edu")

    assert above.post(f"/domain/v1/{number}/delegation/reject", json={"orgId": 2001}).status_code == 200
    assert "asked.example.edu" not in names(connect().get("/domain/v1"))


def test_delegations_are_given_and_withdrawn(connect: ClientMaker, request_for: RequestMaker):
    """A DELETE with a body: some HTTP libraries cannot."""
    above, officer = connect("rao"), connect()
    theirs, mine = id_of(above, "theirs.example.edu"), id_of(above, NAME)

    assert above.post(f"/domain/v1/{theirs}/delegation", json=delegation()).status_code == 200
    assert officer.post("/ssl/v1/enroll", json=request_for("theirs.example.edu")).is_success
    answer = above.request("DELETE", f"/domain/v1/{mine}/delegation", json=delegation())
    assert answer.status_code == 200
    assert refusal(officer.post("/ssl/v1/enroll", json=request_for(NAME))) == (400, -1010)


def test_several_domains_are_delegated_at_once(connect: ClientMaker):
    """One unknown id spoils them all."""
    above = connect("rao")
    numbers = [id_of(above, NAME), id_of(above, STAR)]

    assert above.post("/domain/v1/delegation", json=delegation(2002) | {"domainIds": numbers}).is_success
    assert {NAME, STAR} <= set(names(connect("other-drao").get("/domain/v1")))
    assert refusal(above.post("/domain/v1/delegation", json=delegation() | {"domainIds": [4711]})) == (
        400,
        -727,
    )
    assert refusal(above.post("/domain/v1/delegation", json=delegation())) == (400, -1001)


def test_only_the_master_suspends_and_only_a_manager_of_all_deletes(connect: ClientMaker):
    """A domain is shared among all that it is delegated to."""
    above, master = connect("rao"), connect("mrao")
    number = id_of(above, NAME)

    assert refusal(above.put(f"/domain/v1/{number}/suspend")) == (400, -738)
    assert master.put(f"/domain/v1/{number}/suspend").status_code == 200
    assert master.get(f"/domain/v1/{number}").json()["state"] == "SUSPENDED"
    assert master.put(f"/domain/v1/{number}/activate").status_code == 200
    assert above.delete(f"/domain/v1/{number}").status_code == 204
    assert above.get(f"/domain/v1/{number}").status_code == 404


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_validations_are_listed_with_the_end_of_each(connect: ClientMaker, version: str):
    """`expiresIn` is a bot's early warning."""
    above = connect("rao")

    def listed(**query: Any) -> list[str]:
        return [one["domain"] for one in above.get(f"/dcv/{version}/validation", params=query).json()]

    assert len(listed()) == 7
    assert listed(dcvStatus="EXPIRED") == listed(dcvStatus="Expired") == ["lapsed.example.edu"]
    assert listed(department=2001, expiresIn=30) == ["lapsed.example.edu"]
    assert listed(department=2002) == ["theirs.example.edu"]
    assert len(listed(org=2000)) == 7
    assert listed(domain="asleep", orderStatus="NOT_INITIATED") == ["asleep.example.edu"]
    assert listed(orderStatus="SUBMITTED") == []


def test_the_validation_of_one_domain_is_told(connect: ClientMaker):
    """By name, not by id."""
    above = connect("rao")

    shown = above.post("/dcv/v2/validation/status", json={"domain": "lapsed.example.edu"}).json()

    assert (shown["status"], shown["expirationDate"]) == ("EXPIRED", "2026-05-20")
    assert refusal(above.post("/dcv/v1/validation/status", json={"domain": "none.example.edu"})) == (
        400,
        -727,
    )


@pytest.mark.parametrize(
    ("entry", "dial", "status", "ends"),
    [
        (Domain("d.example.edu", dcv="EXPIRED"), "", "EXPIRED", -1),
        (Domain("d.example.edu", dcv_expires_in_days=-30), "", "EXPIRED", -30),
        (Domain("d.example.edu"), "EXPIRED", "EXPIRED", -1),
        (Domain("d.example.edu", dcv_expires_in_days=-30), "VALIDATED", "VALIDATED", 180),
    ],
)
def test_a_validation_and_its_dates_never_contradict_each_other(
    clock: Clock, entry: Domain, dial: Any, status: str, ends: int
):
    """A client goes by the date or by the word; the two must lead to the same end, in every answer."""
    world = World(
        (Organisation(1, "O", departments=(Department(2, "D", domains=(entry,)),)),),
        (Account("m", "x", mrao=True),),
        (),
    )
    simulator = Simulator(world, clock=clock)
    simulator.dials.dcv = dial
    transport, login = httpx.WSGITransport(app=simulator), {"login": "m", "password": "x", "customerUri": "example"}
    with httpx.Client(transport=transport, base_url=BASE_URL, headers=login) as above:
        listed = above.get("/dcv/v1/validation").json()[0]
        told = above.post("/dcv/v2/validation/status", json={"domain": "d.example.edu"}).json()
        shown = above.get("/domain/v1/401").json()
        soon = above.get("/dcv/v2/validation", params={"expiresIn": 30}).json()

    end = (clock() + timedelta(days=ends)).date().isoformat()
    assert listed["dcvStatus"] == told["status"] == shown["validationStatus"] == status
    assert listed["expirationDate"] == told["expirationDate"] == shown["dcvExpiration"] == end
    assert told["validationDate"] == shown["dcvValidation"] < end
    assert bool(soon) == (status == "EXPIRED")


def test_validations_of_an_organisation_and_of_a_department_are_those_of_both(connect: ClientMaker):
    """Filters are ANDed (SCM reference §3.4): a department of another organisation has none here."""
    above = connect("rao")

    def listed(**query: int) -> int:
        return len(above.get("/dcv/v1/validation", params=query).json())

    assert listed(org=2000, department=2002) == 1
    assert listed(org=9999, department=2002) == 0
    assert listed(org=2000, department=9999) == 0


def test_the_word_for_the_method_goes_with_the_dialect(simulator: Simulator, connect: ClientMaker):
    """The vendor's example has EMAIL beside VALIDATED, the OpenAPI document CNAME_CSR_HASH beside Validated."""
    above = connect("rao")

    def methods() -> set[str]:
        listed = {one["dcvMethod"] for one in above.get("/dcv/v1/validation").json()}
        return listed | {above.get(f"/domain/v1/{id_of(above, NAME)}").json()["validationMethod"]}

    assert methods() == {"EMAIL"}
    simulator.dials.enum_dialect = "labels"
    assert methods() == {"CNAME_CSR_HASH"}


def test_validations_need_their_privilege(scm: httpx.Client):
    """The attested refusal of an officer without allowDCV."""
    assert refusal(scm.get("/dcv/v1/validation")) == (400, -3)
    assert refusal(scm.post("/dcv/v2/validation/status", json={"domain": NAME})) == (400, -3)
