"""Approve, decline, revoke, update, validations and deletion (SCM reference §5.6, §5.11-5.13)."""

from typing import Any

import pytest

from tests.simulator.driver import NAME, OTHER_NAME, Scm, enrollment, refusal

MESSAGE = {"message": "text"}


@pytest.fixture
def waiting(scm: Scm) -> int:
    """An order that waits for approval."""
    scm.dials.auto_approve = False
    return scm.enroll()


def test_without_automatic_approval_an_order_waits(scm: Scm, waiting: int):
    """Only an approval ends the wait, however often the client polls."""
    for _ in range(3):
        assert refusal(scm.collect(waiting)) == (400, 0)
    assert scm.order(waiting).status == "Requested"

    assert scm.post(f"/ssl/v1/approve/{waiting}", by="rao", json=MESSAGE).status_code == 204

    assert scm.collect(waiting).is_success
    assert scm.order(waiting).approved_by == "rao"


def test_an_account_without_the_privilege_needs_approval(scm: Scm):
    """The RAO of this world has no autoApproveCertificates."""
    ssl_id = scm.post("/ssl/v1/enroll", by="rao", json=enrollment()).json()["sslId"]

    assert scm.order(ssl_id).status == "Requested"
    scm.simulator.approve(ssl_id)
    assert scm.order(ssl_id).status == "Issued"


def test_the_outcome_requested_awaits_approval_for_a_name(scm: Scm):
    """A single certificate of an estate can await approval."""
    scm.simulator.behave(OTHER_NAME, outcome="requested")

    assert scm.order(scm.enroll(OTHER_NAME)).status == "Requested"
    assert scm.order(scm.enroll(NAME)).status == "Issued"


def test_a_declined_order_cannot_be_approved(scm: Scm, waiting: int):
    """Declined is a final status."""
    assert scm.post(f"/ssl/v1/decline/{waiting}", by="rao", json=MESSAGE).status_code == 204
    assert scm.order(waiting).status == "Declined"
    assert refusal(scm.post(f"/ssl/v1/approve/{waiting}", by="rao", json=MESSAGE)) == (400, -1112)


def test_approval_needs_a_privilege_and_a_message(scm: Scm, waiting: int):
    """A department's officer cannot approve its own orders."""
    assert refusal(scm.post(f"/ssl/v1/approve/{waiting}", json=MESSAGE)) == (400, -3)
    assert refusal(scm.post(f"/ssl/v1/approve/{waiting}", by="rao", json={})) == (400, -1001)


@pytest.mark.parametrize("code", [4, "4"])
def test_a_certificate_is_revoked_once(scm: Scm, code: Any):
    """The reason code is a number in one source and a string in the other."""
    ssl_id = scm.enroll()
    body = {"reasonCode": code, "reason": "superseded"}

    assert refusal(scm.post(f"/ssl/v1/revoke/{ssl_id}", by="weak", json=body)) == (400, -3)
    assert scm.post(f"/ssl/v1/revoke/{ssl_id}", json=body).status_code == 204

    assert scm.order(ssl_id).status == "Revoked"
    assert scm.get(f"/ssl/v1/{ssl_id}").json()["reasonCode"] == 4
    assert refusal(scm.post(f"/ssl/v1/revoke/{ssl_id}", json=body)) == (400, -102)


def test_a_serial_number_in_any_form_selects_what_is_revoked(scm: Scm):
    """Colons, leading zeros and case are not significant."""
    first, second = scm.order(scm.enroll()).serial, scm.order(scm.enroll()).serial
    body = {"reasonCode": 1, "reason": "lost"}

    for serial in (first, second.replace(":", "").lstrip("0").lower()):
        assert scm.post(f"/ssl/v1/revoke/serial/{serial}", json=body).status_code == 204
    assert refusal(scm.post("/ssl/v1/revoke/serial/AB:CD", json=body)) == (400, -5101)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"reasonCode": 4}, -1001),
        ({"reasonCode": 2, "reason": "x"}, -1001),
        ({"reasonCode": "four", "reason": "x"}, -1002),
        ({"reasonCode": 4, "reason": "x" * 513}, -1001),
    ],
)
def test_a_revocation_needs_an_allowed_reason(scm: Scm, body: dict[str, Any], code: int):
    """Reason 2 (CA compromise) is not available to subscribers."""
    assert refusal(scm.post(f"/ssl/v1/revoke/{scm.enroll()}", json=body)) == (400, code)


def test_the_record_of_a_certificate_can_be_updated(scm: Scm):
    """The id is in the body, not in the path."""
    changes = {
        "comments": "other",
        "externalRequester": "a@example.edu",
        "suspendNotifications": True,
        "autoRenewDetails": {"state": "Scheduled"},
    }

    details = scm.put("/ssl/v1", json={"sslId": scm.enroll(), **changes}).json()

    expected = changes | {"autoRenewDetails": {"state": "Scheduled", "daysBeforeExpiration": 30}}
    assert {name: details[name] for name in changes} == expected


def test_the_order_can_be_updated_only_before_issuance(scm: Scm, waiting: int):
    """After issuance a client uses replace."""
    changes = {"sslId": waiting, "term": 90, "subjectAlternativeNames": [OTHER_NAME]}

    details = scm.put("/ssl/v1", json=changes).json()

    assert (details["term"], details["subjectAlternativeNames"]) == (90, [OTHER_NAME])
    assert details["comments"] == "token"
    scm.simulator.issue(waiting)
    assert refusal(scm.put("/ssl/v1", json=changes)) == (400, -1113)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subjectAlternativeNames": ["theirs.example.edu"]}, -1010),
        ({"autoRenewDetails": {"state": "x"}}, -1601),
        ({"sslId": None}, -1001),
    ],
)
def test_an_update_is_checked_like_an_enrollment(scm: Scm, waiting: int, changes: dict[str, Any], code: int):
    """An update must not add a name that is not delegated."""
    assert refusal(scm.put("/ssl/v1", json={"sslId": waiting, **changes})) == (400, code)


def test_the_validation_of_each_name_is_returned(scm: Scm):
    """Instructions are only for names that are not validated."""
    scm.dials.issuance_polls = 9
    ssl_id = scm.enroll(subjAltNames=OTHER_NAME)

    validated = scm.get(f"/ssl/v1/{ssl_id}/dcv").json()
    scm.dials.dcv = "EXPIRED"
    expired = scm.post(f"/ssl/v1/{ssl_id}/dcv/recheck", by="rao")

    assert [entry["dcvStatus"] for entry in validated["dcvLog"]["log"]] == ["Validated", "Validated"]
    assert validated["instructions"] == []
    assert expired.status_code == 202
    assert [entry["domainName"] for entry in expired.json()["instructions"]] == [NAME, OTHER_NAME]
    assert refusal(scm.post(f"/ssl/v1/{ssl_id}/dcv/recheck")) == (400, -3)


def test_an_ordered_certificate_cannot_be_deleted(scm: Scm):
    """Only imported certificates can."""
    assert refusal(scm.delete(f"/ssl/v1/{scm.enroll()}", by="rao")) == (400, -37)
