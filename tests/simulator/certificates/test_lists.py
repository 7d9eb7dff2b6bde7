"""Lists, counts, profiles, custom fields and details (SCM reference §3.3, §5.1-5.3)."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes

from scm_simulator.backend.order import format_serial
from tests.simulator.driver import (
    BASE_URL,
    FOREIGN_DEPARTMENT,
    HEADERS,
    NAME,
    OTHER_NAME,
    PROFILE,
    RSA_PROFILE,
    TERM,
    Scm,
    enrollment,
    refusal,
    rsa_key,
)


def ids(scm: Scm, *, by: str = "drao", **query: Any) -> list[int]:
    """Return the ids that are listed."""
    return [item["sslId"] for item in scm.get("/ssl/v1", by=by, params=query).json()]


@pytest.fixture
def five(scm: Scm) -> list[int]:
    """Five certificates."""
    return [scm.enroll() for _ in range(5)]


@pytest.mark.parametrize("query", [{"size": "x"}, {"size": -1}, {"position": -1}, {"orgId": "x"}, {"sslTypeId": 0}])
def test_an_invalid_query_is_refused_by_list_and_count(scm: Scm, query: dict[str, Any]):
    """An error in a query must not return an empty list."""
    assert refusal(scm.get("/ssl/v1", params=query)) == (400, -1001)
    assert scm.request("HEAD", "/ssl/v1", params=query).status_code == 400


def test_items_have_names_and_serials_without_status_and_dates(scm: Scm):
    """A client must filter by status or request the details."""
    scm.enroll(subjAltNames=OTHER_NAME)

    [item] = scm.get("/ssl/v1").json()

    assert set(item) == {"sslId", "commonName", "subjectAlternativeNames", "serialNumber"}


def test_pages_have_offsets_and_the_total_counts_all(scm: Scm, five: list[int]):
    """`position` is not a page number."""
    assert [ids(scm, size=2, position=position) for position in (0, 2, 4, 6)] == [five[:2], five[2:4], five[4:], []]
    for method in ("GET", "HEAD"):
        answer = scm.request(method, "/ssl/v1", params={"status": "Issued", "size": 2})
        assert answer.headers["x-total-count"] == "5"


def test_a_page_above_the_limit_is_cut(scm: Scm, five: list[int]):
    """A client that asked for 500 must not take a shorter page for the last page."""
    scm.dials.page_limit = 3

    assert ids(scm, size=500) == ids(scm, size=3) == five[:3]


def test_default_size_and_order_are_dials(scm: Scm, five: list[int]):
    """They are not documented, so a client sends its size and sorts by id."""
    scm.dials.default_size, scm.dials.list_order = 2, "descending"

    assert ids(scm) == five[:2:-1]


def test_every_account_lists_its_own_department(scm: Scm):
    """Lists omit the objects of other departments."""
    ours = scm.enroll()
    foreign = enrollment("theirs.example.edu", orgId=FOREIGN_DEPARTMENT)
    theirs = scm.post("/ssl/v1/enroll", by="other-drao", json=foreign).json()["sslId"]

    assert (ids(scm), ids(scm, by="other-drao")) == ([ours], [theirs])
    assert ids(scm, by="rao") == ids(scm, by="mrao") == [ours, theirs]
    assert refusal(scm.get(f"/ssl/v1/{theirs}")) == (404, -5101)


def test_every_filter_of_the_list_selects_certificates(scm: Scm):
    """The filters are those that the vendor documents."""
    changes = {"certType": RSA_PROFILE, "subjAltNames": OTHER_NAME, "externalRequester": "me@example.edu"}
    wanted = scm.enroll(f"wanted.{NAME}", key=rsa_key(), **changes)
    scm.dials.issuance_polls = 9
    other = scm.enroll()
    order = scm.order(wanted)
    selecting: dict[str, Any] = {
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
    matching_both = {
        "orgId": "2001",
        "vendor": "Sectigo",
        "requester": "drao",
        "installStatus": "NONE",
        "renewalStatus": "NOT_SCHEDULED",
        "requestedVia": "REST",
        "discoveryStatus": "NotDeployed",
    }

    for name, value in selecting.items():
        assert ids(scm, **{name: value}) == [wanted], name
    for name, value in matching_both.items():
        assert (ids(scm, **{name: value}), ids(scm, **{name: "99"})) == ([wanted, other], []), name


def test_filters_are_anded_and_unknown_filters_are_ignored(scm: Scm, five: list[int]):
    """The vendor's example sends empty filters."""
    assert ids(scm, status="", unknown="x", commonName=NAME) == five
    assert ids(scm, status="Revoked", commonName=NAME) == ids(scm, keyUsage="Digital Signature,CRL Sign") == []


@pytest.mark.parametrize(("dial", "found"), [("substring", 2), ("exact", 1)])
def test_a_name_filter_may_match_other_names(scm: Scm, dial: Any, found: int):
    """A client that adopts an order must compare the names."""
    scm.dials.name_filter = dial
    scm.enroll(NAME)
    scm.enroll(OTHER_NAME)

    assert len(ids(scm, commonName=NAME)) == found


def test_profiles_are_those_of_the_department(scm: Scm):
    """Terms are in days and can change, so a client reads them each time."""
    profiles = scm.get("/ssl/v1/types", params={"organizationId": 2001}).json()

    assert [profile["id"] for profile in profiles] == [3001, 3002]
    assert profiles[0]["terms"] == [90, TERM]
    assert profiles[1]["keyTypes"] == {"RSA": ["2048", "4096"]}
    assert scm.get("/ssl/v1/types").json() == profiles
    assert len(scm.get("/ssl/v1/types", by="other-drao").json()) == 3
    assert refusal(scm.get("/ssl/v1/types?organizationId=2002")) == (400, -1023)


def test_a_mandatory_custom_field_is_listed(scm: Scm):
    """A client can read it before SCM refuses an order."""
    scm.dials.mandatory_custom_field = "cost centre"

    assert scm.get("/ssl/v1/customFields").json() == [{"id": 51, "name": "cost centre", "mandatory": True}]


@pytest.mark.parametrize(
    ("query", "dial", "text"),
    [
        ({}, "US", "05/21/2026"),
        ({}, "JP", "2026/05/21"),
        ({"dateFormat": "ISO"}, "US", "2026-05-21"),
        ({"dateFormat": "yyyy-MM-dd"}, "US", "2026-05-21"),
        ({"dateFormat": "iso_hms"}, "US", "2026-05-21T12:34:56.789Z"),
        ({"dateFormat": "EU_HMS"}, "US", "21.05.2026 12:34:56"),
        ({"dateFormat": "nonsense"}, "US", "05/21/2026"),
    ],
)
def test_dates_have_the_requested_format(scm: Scm, query: dict[str, str], dial: Any, text: str):
    """Without a request the month is first, so a client must send dateFormat."""
    scm.dials.date_format = dial

    assert scm.get(f"/ssl/v1/{scm.enroll()}", params=query).json()["requested"] == text


@pytest.mark.parametrize(
    ("dial", "members"), [("absent", {}), ("null", {"serialNumber": None}), ("empty", {"serialNumber": ""})]
)
def test_a_missing_value_is_absent_null_or_empty(scm: Scm, dial: Any, members: dict[str, Any]):
    """All three occur in SCM for the same member."""
    scm.dials.issuance_polls, scm.dials.missing_values = 5, dial
    ssl_id = scm.enroll()

    for view in (scm.get(f"/ssl/v1/{ssl_id}").json(), scm.get("/ssl/v1").json()[0]):
        assert {name: value for name, value in view.items() if name == "serialNumber"} == members


@pytest.mark.parametrize(("dial", "names"), [(False, [OTHER_NAME]), (True, [NAME, OTHER_NAME])])
def test_the_common_name_is_repeated_only_by_dial(scm: Scm, dial: bool, names: list[str]):
    """A client must add the common name to the other names."""
    scm.dials.cn_in_names, scm.dials.name_filter = dial, "exact"
    ssl_id = scm.enroll(subjAltNames=OTHER_NAME)

    for view in (scm.get(f"/ssl/v1/{ssl_id}").json(), scm.get("/ssl/v1").json()[0]):
        assert view["subjectAlternativeNames"] == names
    assert bool(ids(scm, subjectAlternativeName=NAME)) == dial


def test_a_status_can_be_unknown(scm: Scm):
    """A new release can add a status."""
    scm.simulator.behave(NAME, status_text="Pondering")

    assert scm.get(f"/ssl/v1/{scm.enroll(NAME)}").json()["status"] == "Pondering"
    assert scm.get(f"/ssl/v1/{scm.enroll(OTHER_NAME)}").json()["status"] == "Issued"


def test_unknown_members_are_in_every_object_by_dial(scm: Scm):
    """A new release can add members."""
    ssl_id = scm.enroll()
    scm.dials.extra_members = True
    with httpx.Client(transport=httpx.WSGITransport(app=scm.simulator), headers=HEADERS) as client:
        details = client.get(f"{BASE_URL}/ssl/v1/{ssl_id}").json()

    assert "newInThisRelease" in details
    assert "newInThisRelease" in details["certType"]


@pytest.mark.parametrize(
    ("dial", "small"), [("colons", f"{'00:' * 14}0A:BC"), ("plain", f"{'0' * 28}0ABC"), ("stripped", "ABC")]
)
def test_serial_numbers_have_several_formats(scm: Scm, dial: Any, small: str):
    """A client must compare them as numbers."""
    ssl_id = scm.enroll()
    scm.dials.serial_format = dial

    text = scm.get(f"/ssl/v1/{ssl_id}").json()["serialNumber"]

    assert text == format_serial(scm.order(ssl_id).serial_number, dial)
    assert int(text.replace(":", ""), 16) == scm.order(ssl_id).serial_number
    assert format_serial(0xABC, dial) == small


def test_details_show_key_usage_and_fingerprints_once_issued(scm: Scm):
    """The technical members are those of the certificate."""
    details = scm.get(f"/ssl/v1/{scm.enroll(key=rsa_key())}").json()

    assert details["keyType"] == "RSA - 2048"
    assert details["signatureAlg"] == "SHA256WITHRSA"
    assert details["keyUsages"] == ["Digital Signature", "Key Encipherment"]
    assert details["extendedKeyUsages"] == ["Server Authentication"]
    assert len(details["certificateDetails"]["sha1Hash"]) == 40
    assert details["certType"]["id"] == PROFILE


def test_before_issuance_an_order_has_only_its_own_dates(scm: Scm):
    """A client must accept details without `issued` and `expires`."""
    scm.dials.issuance_polls = 5

    details = scm.get(f"/ssl/v1/{scm.enroll()}").json()

    assert {"requested", "approved"} <= set(details)
    assert not {"issued", "expires", "revoked", "declined"} & set(details)
