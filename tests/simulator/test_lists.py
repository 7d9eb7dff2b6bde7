"""Lists, counts, profiles, custom fields and details (SCM reference §3.3, §5.1-5.3)."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from scm_simulator import Simulator
from tests.simulator.material import (
    FOREIGN_DEPARTMENT,
    NAME,
    OTHER_NAME,
    PROFILE,
    RSA_PROFILE,
    TERM,
    ClientMaker,
    Clock,
    Enroll,
    RequestMaker,
    refusal,
)


def ids(answer: httpx.Response) -> list[int]:
    """Return the ids that are listed."""
    return [one["sslId"] for one in answer.json()]


@pytest.fixture
def five(enroll: Enroll) -> list[int]:
    """Five certificates."""
    return [enroll() for _ in range(5)]


@pytest.mark.parametrize("query", [{"size": "x"}, {"position": -1}, {"size": -1}])
def test_what_the_list_refuses_the_count_refuses_too(scm: httpx.Client, query: dict[str, Any]):
    """HEAD is the same call without a body."""
    assert scm.head("/ssl/v1", params=query).status_code == scm.get("/ssl/v1", params=query).status_code == 400


def test_items_have_names_and_serials_and_neither_status_nor_dates(scm: httpx.Client, enroll: Enroll):
    """A client must filter by status or ask for details."""
    enroll(subjAltNames=OTHER_NAME)

    [item] = scm.get("/ssl/v1").json()

    assert set(item) == {"sslId", "commonName", "subjectAlternativeNames", "serialNumber"}


def test_pages_are_offsets_and_the_total_counts_all(scm: httpx.Client, five: list[int]):
    """`position` is not a page number; an exact multiple ends with an empty page."""
    pages = [scm.get("/ssl/v1", params={"size": 2, "position": at}) for at in (0, 2, 4, 6)]

    assert [ids(one) for one in pages] == [five[:2], five[2:4], five[4:], []]
    assert {one.headers["x-total-count"] for one in pages} == {"5"}


def test_head_counts_without_listing(scm: httpx.Client, five: list[int]):
    """The same filters, the header only."""
    answer = scm.head("/ssl/v1", params={"status": "Issued"})

    assert (answer.headers["x-total-count"], answer.content) == (str(len(five)), b"")


def test_a_page_too_large_is_cut_silently_or_refused(simulator: Simulator, scm: httpx.Client, five: list[int]):
    """A client that asked for 500 must not take 200 for the end."""
    simulator.dials.page_limit = 3

    assert ids(scm.get("/ssl/v1?size=500")) == five[:3]
    simulator.dials.page_excess = "refuse"
    assert refusal(scm.get("/ssl/v1?size=500")) == (400, -1001)
    assert ids(scm.get("/ssl/v1?size=3")) == five[:3]


def test_the_size_when_none_is_asked_for_and_the_order_are_not_known(
    simulator: Simulator, scm: httpx.Client, five: list[int]
):
    """A client says its size and takes the largest id for the newest."""
    simulator.dials.default_size = 2
    simulator.dials.list_order = "descending"

    assert ids(scm.get("/ssl/v1")) == five[:2:-1]


@pytest.mark.parametrize("query", ["size=x", "position=-1", "orgId=x", "sslTypeId=0"])
def test_numbers_in_a_query_must_be_numbers(scm: httpx.Client, query: str):
    """A mistake in a query must not read as an empty list."""
    assert refusal(scm.get(f"/ssl/v1?{query}")) == (400, -1001)


def test_every_account_sees_its_own_department(
    scm: httpx.Client, connect: ClientMaker, enroll: Enroll, request_for: RequestMaker
):
    """Lists simply leave out what belongs to others."""
    mine = enroll()
    foreign = request_for("theirs.example.edu", orgId=FOREIGN_DEPARTMENT)
    theirs = connect("other-drao").post("/ssl/v1/enroll", json=foreign).json()["sslId"]

    assert ids(scm.get("/ssl/v1")) == [mine]
    assert ids(connect("other-drao").get("/ssl/v1")) == [theirs]
    assert ids(connect("rao").get("/ssl/v1")) == ids(connect("mrao").get("/ssl/v1")) == [mine, theirs]
    assert refusal(scm.get(f"/ssl/v1/{theirs}")) == (404, -5101)


def test_every_filter_of_the_list_finds_and_leaves_out(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, rsa_key: rsa.RSAPrivateKey
):
    """Each of the filters that the vendor documents, by its own name."""
    wanted = enroll(
        f"wanted.{NAME}",
        key=rsa_key,
        certType=RSA_PROFILE,
        subjAltNames=OTHER_NAME,
        externalRequester="me@example.edu",
    )
    simulator.dials.issuance_polls = 9
    other = enroll()
    order = simulator.order(wanted)
    assert order.certificate
    hits: dict[str, Any] = {
        "commonName": "wanted",
        "subjectAlternativeName": OTHER_NAME,
        "status": "issued",
        "sslTypeId": RSA_PROFILE,
        "issuer": "RSA Intermediate",
        "serialNumber": order.serial.replace(":", "").lower(),
        "externalRequester": "me@",
        "signatureAlgorithm": "SHA256WITHRSA",
        "keyAlgorithm": "RSA",
        "keySize": "2048",
        "keyParam": "2048",
        "sha1Hash": order.fingerprint(hashes.SHA1()),  # noqa: S303  # SCM's filter
        "md5Hash": order.fingerprint(hashes.MD5()),  # noqa: S303  # SCM's filter
        "sha256Hash": order.fingerprint(hashes.SHA256()).lower(),
        "keyUsage": "Digital Signature,Key Encipherment",
        "extendedKeyUsage": "Server Authentication",
    }
    for name, value in hits.items():
        assert ids(scm.get("/ssl/v1", params={name: value})) == [wanted], name
    both: dict[str, Any] = {
        "orgId": 2001,
        "vendor": "Sectigo",
        "requester": "drao",
        "installStatus": "NONE",
        "renewalStatus": "NOT_SCHEDULED",
        "requestedVia": "REST",
        "discoveryStatus": "NotDeployed",
    }
    for name, value in both.items():
        assert ids(scm.get("/ssl/v1", params={name: value})) == [wanted, other], name
        assert ids(scm.get("/ssl/v1", params={name: 99})) == [], name


def test_filters_are_anded_and_empty_or_unknown_ones_match_all(scm: httpx.Client, five: list[int]):
    """The vendor's own example sends empty ones."""
    assert ids(scm.get("/ssl/v1", params={"status": "", "unheardOf": "x", "commonName": NAME})) == five
    assert ids(scm.get("/ssl/v1", params={"status": "Revoked", "commonName": NAME})) == []


@pytest.mark.parametrize(("kind", "found"), [("substring", 2), ("exact", 1)])
def test_a_name_filter_may_match_more_than_the_name(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, kind: Any, found: int
):
    """A client that adopts an order must compare the names itself."""
    simulator.dials.name_filter = kind
    enroll(NAME)
    enroll(OTHER_NAME)

    assert len(ids(scm.get("/ssl/v1", params={"commonName": NAME}))) == found


def test_profiles_are_those_of_the_department(scm: httpx.Client, connect: ClientMaker):
    """Terms are days, and are to be read each time."""
    profiles = scm.get("/ssl/v1/types", params={"organizationId": 2001}).json()

    assert [one["id"] for one in profiles] == [3001, 3002, 3003]
    assert profiles[0]["terms"] == [90, TERM]
    assert profiles[1]["keyTypes"] == {"RSA": ["2048", "4096"]}
    assert [one["id"] for one in scm.get("/ssl/v1/types").json()] == [3001, 3002, 3003]
    assert len(connect("other-drao").get("/ssl/v1/types").json()) == 4
    assert refusal(scm.get("/ssl/v1/types?organizationId=2002")) == (400, -1023)


def test_custom_fields_say_which_are_mandatory(simulator: Simulator, scm: httpx.Client):
    """A client can know before it is refused."""
    simulator.dials.mandatory_custom_field = "cost centre"

    assert scm.get("/ssl/v1/customFields").json() == [{"id": 51, "name": "cost centre", "mandatory": True}]


def test_dates_are_american_unless_asked_otherwise(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """05/06 is the sixth of May; `dateFormat` is the way out, by name or pattern."""
    ssl_id = enroll()

    def requested(**query: str) -> str:
        return str(scm.get(f"/ssl/v1/{ssl_id}", params=query).json()["requested"])

    assert requested() == "05/21/2026"
    assert requested(dateFormat="ISO") == requested(dateFormat="yyyy-MM-dd") == "2026-05-21"
    assert requested(dateFormat="iso_hms") == "2026-05-21T12:34:56.789Z"
    assert requested(dateFormat="EU_HMS") == "21.05.2026 12:34:56"
    assert requested(dateFormat="nonsense") == "05/21/2026"
    simulator.dials.date_format = "JP"
    assert requested() == "2026/05/21"


@pytest.mark.parametrize(
    ("how", "shown"), [("absent", {}), ("null", {"serialNumber": None}), ("empty", {"serialNumber": ""})]
)
def test_what_does_not_exist_yet_is_said_in_three_ways(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, how: Any, shown: dict[str, Any]
):
    """Absent, null and "" all occur for the same field."""
    simulator.dials.issuance_polls, simulator.dials.missing_values = 5, how
    ssl_id = enroll()

    for members in (scm.get(f"/ssl/v1/{ssl_id}").json(), scm.get("/ssl/v1").json()[0]):
        assert {key: value for key, value in members.items() if key == "serialNumber"} == shown


@pytest.mark.parametrize(("dial", "names"), [(False, [OTHER_NAME]), (True, [NAME, OTHER_NAME])])
def test_the_common_name_may_be_left_out_of_the_names(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, dial: bool, names: list[str]
):
    """The names are the common name and these together."""
    simulator.dials.cn_in_names, simulator.dials.name_filter = dial, "exact"
    ssl_id = enroll(subjAltNames=OTHER_NAME)

    assert scm.get(f"/ssl/v1/{ssl_id}").json()["subjectAlternativeNames"] == names
    assert scm.get("/ssl/v1").json()[0]["subjectAlternativeNames"] == names
    found = scm.get("/ssl/v1", params={"subjectAlternativeName": NAME}).json()
    assert bool(found) == (NAME in names)


def test_a_status_may_be_unknown(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """New releases bring new words."""
    simulator.behave(NAME, status_text="Pondering")

    assert scm.get(f"/ssl/v1/{enroll(NAME)}").json()["status"] == "Pondering"
    assert scm.get(f"/ssl/v1/{enroll(OTHER_NAME)}").json()["status"] == "Issued"


def test_members_that_no_client_knows_may_be_added(simulator: Simulator, enroll: Enroll):
    """Between releases they appear; every object has one then, also within objects."""
    ssl_id = enroll()
    simulator.dials.extra_members = True
    headers = {"login": "drao", "password": "Secret-1", "customerUri": "example"}
    with httpx.Client(transport=httpx.WSGITransport(app=simulator), headers=headers) as client:
        shown = client.get(f"http://scm.test/api/ssl/v1/{ssl_id}").json()

    assert "newInThisRelease" in shown
    assert "newInThisRelease" in shown["certType"]


@pytest.mark.parametrize("form", ["colons", "plain", "stripped"])
def test_serial_numbers_are_written_in_several_ways(simulator: Simulator, scm: httpx.Client, enroll: Enroll, form: Any):
    """Normalise before comparing."""
    ssl_id = enroll()
    number = simulator.order(ssl_id).serial_number
    simulator.dials.serial_format = form

    text = scm.get(f"/ssl/v1/{ssl_id}").json()["serialNumber"]

    assert int(text.replace(":", ""), 16) == number
    assert (":" in text) == (form == "colons")
    assert text == text.upper()


def test_details_tell_key_usage_and_fingerprints_once_issued(
    scm: httpx.Client, enroll: Enroll, rsa_key: rsa.RSAPrivateKey
):
    """The technical part of the details is that of the certificate."""
    shown = scm.get(f"/ssl/v1/{enroll(key=rsa_key)}").json()

    assert shown["keyType"] == "RSA - 2048"
    assert shown["signatureAlg"] == "SHA256WITHRSA"
    assert shown["keyUsages"] == ["Digital Signature", "Key Encipherment"]
    assert shown["extendedKeyUsages"] == ["Server Authentication"]
    assert len(shown["certificateDetails"]["sha1Hash"]) == 40
    assert shown["certType"]["id"] == PROFILE


def test_an_order_that_is_not_issued_has_no_dates_but_its_own(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, clock: Clock
):
    """A client must live without `issued` and `expires`."""
    simulator.dials.issuance_polls = 5

    shown = scm.get(f"/ssl/v1/{enroll()}").json()

    assert {"requested", "approved"} <= set(shown)
    assert not {"issued", "expires", "revoked", "declined"} & set(shown)
