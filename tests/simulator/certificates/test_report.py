"""The SSL certificates report (SCM reference §10.1)."""

from typing import Any

import pytest

from scm_simulator import PastCertificate
from tests.simulator.driver import NAME, OTHER_NAME, Scm, refusal

PATH = "/report/v1/ssl-certificates"


def rows(scm: Scm, *, by: str = "drao", **body: Any) -> list[dict[str, Any]]:
    """Return the rows of a successful report."""
    report = scm.post(PATH, by=by, json=body).json()
    assert report["statusCode"] == 0
    return list(report["reports"])


def test_a_request_returns_all_certificates_of_the_department(scm: Scm):
    """The report has no pages, and the body is optional."""
    ssl_id = scm.enroll(subjAltNames=OTHER_NAME)

    [row] = rows(scm)

    assert (row["id"], row["orgId"], row["status"]) == (ssl_id, 2001, "Issued")
    assert row["expires"] == "2026-12-06T12:34:55.000Z"
    assert scm.post(PATH).json()["reports"] == [row]
    assert rows(scm, by="other-drao") == []


@pytest.mark.parametrize(("code", "number"), [(0, 4), (1, 1), (2, 1), (3, 1), (4, 1), ("3", 1)])
def test_a_status_is_selected_by_number(scm: Scm, code: Any, number: int):
    """Sources differ between numbers and strings; 1 is every status before issuance."""
    scm.enroll()
    scm.simulator.revoke(scm.enroll())
    scm.simulator.issue_past(PastCertificate(2001, (NAME,), 3001, 90, issued_days_ago=900))
    scm.dials.issuance_polls = 9
    scm.enroll()

    assert len(rows(scm, certificateStatus=code)) == number


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"organizationIds": [2001]}, 1),
        ({"organizationIds": [2000]}, 1),
        ({"organizationIds": [2002]}, 0),
        ({"commonName": "service"}, 1),
        ({"commonName": "other"}, 0),
        ({"externalRequester": "me"}, 1),
    ],
)
def test_rows_are_filtered(scm: Scm, body: dict[str, Any], found: int):
    """A client asks for its own department."""
    scm.enroll(externalRequester="me@example.edu")

    assert len(rows(scm, **body)) == found


def test_an_unknown_status_is_refused(scm: Scm):
    """An empty report would mean that there are no certificates."""
    assert refusal(scm.post(PATH, json={"certificateStatus": 9})) == (400, -1601)


def test_a_report_can_fail_with_http_200(scm: Scm):
    """A client must check statusCode."""
    scm.enroll()
    scm.dials.report_status_code = -1

    response = scm.post(PATH, json={})

    assert response.status_code == 200
    assert (response.json()["statusCode"], response.json()["reports"]) == (-1, [])


@pytest.mark.parametrize(
    ("dial", "text"), [("plain", f"{OTHER_NAME}; b.{NAME}"), ("dnsname", f"dNSName={OTHER_NAME}, dNSName=b.{NAME}")]
)
def test_names_are_a_text_in_one_of_two_formats(scm: Scm, dial: Any, text: str):
    """A client must split both formats."""
    scm.dials.report_names = dial
    scm.enroll(subjAltNames=f"{OTHER_NAME},b.{NAME}")

    assert rows(scm)[0]["subjAltNames"] == text


def test_leading_zeros_of_serial_numbers_are_kept_on_request(scm: Scm):
    """Without the request they may be stripped; before issuance the text is empty."""
    scm.dials.serial_format = "stripped"
    order = scm.order(scm.enroll())

    assert rows(scm, serialNumberFormat="HEXWithLeadingZeros")[0]["serialNumber"] == order.serial
    assert rows(scm)[0]["serialNumber"] == order.serial.replace(":", "").lstrip("0")
    scm.dials.issuance_polls = 9
    scm.enroll(OTHER_NAME)
    assert rows(scm)[1]["serialNumber"] == ""
