"""The SSL certificates report (SCM reference §10.1)."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from scm_simulator import Simulator
from tests.simulator.material import NAME, OTHER_NAME, ClientMaker, Clock, Enroll, a_csr, refusal

PATH = "/report/v1/ssl-certificates"


def rows(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    """Return the rows of a report that succeeds."""
    answer = client.post(PATH, json=body).json()
    assert answer["statusCode"] == 0
    return list(answer["reports"])


def test_one_request_tells_all_certificates_of_the_department(scm: httpx.Client, connect: ClientMaker, enroll: Enroll):
    """No paging; with or without a body."""
    ssl_id = enroll(subjAltNames=OTHER_NAME)

    [row] = rows(scm)

    assert (row["id"], row["orgId"], row["status"]) == (ssl_id, 2001, "Issued")
    assert row["expires"] == "2026-12-06T12:34:55.000Z"
    assert scm.post(PATH).json()["reports"] == [row]
    assert rows(connect("other-drao")) == []


@pytest.mark.parametrize(("code", "number"), [(0, 4), (1, 1), (2, 1), (3, 1), (4, 1), ("3", 1)])
def test_statuses_are_asked_for_by_number(
    simulator: Simulator,
    scm: httpx.Client,
    enroll: Enroll,
    clock: Clock,
    ec_key: ec.EllipticCurvePrivateKey,
    code: Any,
    number: int,
):
    """Numbers in one source, strings in the other; 1 is everything before issuance."""
    enroll()
    simulator.revoke(enroll())
    past = clock().replace(year=2024)
    simulator.issue_past(2001, a_csr(ec_key), [NAME], 3001, 90, past)
    simulator.dials.issuance_polls = 9
    enroll()

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
        ({"certificateRequestSource": 12}, 1),
        ({"certificateRequestSource": 0}, 0),
        ({"certificateDateAttribute": 3, "from": "2026-12-01", "to": "2026-12-31"}, 1),
        ({"certificateDateAttribute": 3, "from": "2027-01-01"}, 0),
        ({"certificateDateAttribute": 5, "to": "2026-05-21T00:00:00.000Z"}, 0),
        ({"certificateDateAttribute": 4, "from": "2026-05-21"}, 1),
        ({"certificateDateAttribute": 2, "from": "2020-01-01"}, 0),
    ],
)
def test_rows_are_filtered(scm: httpx.Client, enroll: Enroll, body: dict[str, Any], found: int):
    """What expires in a month is one request."""
    enroll(externalRequester="me@example.edu")

    assert len(rows(scm, **body)) == found


@pytest.mark.parametrize(
    "body",
    [
        {"certificateStatus": 9},
        {"certificateDateAttribute": 9, "from": "2026-01-01"},
        {"certificateDateAttribute": 3, "from": "yesterday"},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(scm: httpx.Client, enroll: Enroll, body: dict[str, Any]):
    """An empty report would look like an estate without certificates."""
    enroll()

    assert refusal(scm.post(PATH, json=body)) == (400, -1601)


def test_a_report_can_fail_within_a_success(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """HTTP 200 alone says nothing: look at statusCode."""
    enroll()
    simulator.dials.report_status_code = -1

    answer = scm.post(PATH, json={})

    assert answer.status_code == 200
    assert (answer.json()["statusCode"], answer.json()["reports"]) == (-1, [])


@pytest.mark.parametrize(("form", "text"), [("plain", f"{OTHER_NAME}; b.{NAME}"), ("dnsname", None)])
def test_names_are_one_text_in_one_of_two_forms(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, form: Any, text: str | None
):
    """A list it is not."""
    simulator.dials.report_names = form
    enroll(subjAltNames=f"{OTHER_NAME},b.{NAME}")

    [row] = rows(scm)

    assert row["subjAltNames"] == (text or f"dNSName={OTHER_NAME}, dNSName=b.{NAME}")


def test_leading_zeros_of_serials_can_be_asked_for(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """Otherwise they may be stripped; before issuance there is an empty text."""
    simulator.dials.serial_format = "stripped"
    order = simulator.order(enroll())

    [full] = rows(scm, serialNumberFormat="HEXWithLeadingZeros")
    [usual] = rows(scm)

    assert full["serialNumber"] == order.serial
    assert usual["serialNumber"] == order.serial.replace(":", "").lstrip("0")
    simulator.dials.issuance_polls = 9
    enroll(OTHER_NAME)
    assert rows(scm)[1]["serialNumber"] == ""
