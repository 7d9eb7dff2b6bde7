"""Approve, decline, revoke, update, and what else there is (SCM reference §5.6, §5.11-5.13)."""

from typing import Any

import httpx
import pytest

from scm_simulator import Simulator
from tests.simulator.material import EV_PROFILE, NAME, OTHER_NAME, ClientMaker, Clock, Enroll, refusal


@pytest.fixture
def waiting(simulator: Simulator, enroll: Enroll) -> int:
    """An order that waits for approval."""
    simulator.dials.auto_approve = False
    return enroll()


def test_without_automatic_approval_an_order_waits_for_a_person(
    simulator: Simulator, connect: ClientMaker, waiting: int
):
    """No number of polls helps; a person does."""
    officer, above = connect(), connect("rao")
    for _ in range(3):
        assert refusal(officer.get(f"/ssl/v1/collect/{waiting}")) == (400, 0)
    assert simulator.order(waiting).status == "Requested"

    assert above.post(f"/ssl/v1/approve/{waiting}", json={"message": "yes"}).status_code == 204

    assert officer.get(f"/ssl/v1/collect/{waiting}").is_success
    assert simulator.order(waiting).approved_by == "rao"


def test_the_privilege_decides_about_automatic_approval(simulator: Simulator, connect: ClientMaker, request_for: Any):
    """The registration authority officer of this world may request and has no autoApproveCertificates."""
    connect("rao").post("/ssl/v1/enroll", json=request_for())

    assert simulator.orders[0].status == "Requested"


def test_the_outcome_requested_never_approves_by_itself(simulator: Simulator, enroll: Enroll):
    """One certificate of an estate awaits approval, the others do not."""
    simulator.behave(OTHER_NAME, outcome="requested")

    assert simulator.order(enroll(OTHER_NAME)).status == "Requested"
    assert simulator.order(enroll(NAME)).status == "Issued"


def test_the_control_approves_without_the_api(simulator: Simulator, waiting: int):
    """A test need not log in as somebody else."""
    simulator.approve(waiting)

    assert simulator.order(waiting).status == "Issued"


def test_a_declined_order_stays_declined(simulator: Simulator, connect: ClientMaker, waiting: int):
    """It cannot be approved afterwards."""
    above = connect("rao")

    assert above.post(f"/ssl/v1/decline/{waiting}", json={"message": "no"}).status_code == 204
    assert simulator.order(waiting).status == "Declined"
    assert refusal(above.post(f"/ssl/v1/approve/{waiting}", json={"message": "x"})) == (400, -1112)


def test_approval_needs_a_privilege_and_a_message(connect: ClientMaker, waiting: int):
    """A department's officer cannot approve its own orders."""
    assert refusal(connect().post(f"/ssl/v1/approve/{waiting}", json={"message": "x"})) == (400, -3)
    assert refusal(connect("rao").post(f"/ssl/v1/approve/{waiting}", json={})) == (400, -1001)


def test_an_ev_certificate_is_not_approved_by_who_asked_for_it(
    simulator: Simulator, connect: ClientMaker, request_for: Any
):
    """Four eyes."""
    above = connect("rao")
    ssl_id = above.post("/ssl/v1/enroll", json=request_for(certType=EV_PROFILE)).json()["sslId"]

    assert refusal(above.post(f"/ssl/v1/approve/{ssl_id}", json={"message": "x"})) == (400, -1140)
    assert connect("mrao").post(f"/ssl/v1/approve/{ssl_id}", json={"message": "x"}).is_success


@pytest.mark.parametrize("code", [4, "4"])
def test_a_certificate_is_revoked_once(simulator: Simulator, scm: httpx.Client, enroll: Enroll, code: Any):
    """The reason code is a number in one source and a string in the other."""
    ssl_id = enroll()
    body = {"reasonCode": code, "reason": "superseded"}

    assert scm.post(f"/ssl/v1/revoke/{ssl_id}", json=body).status_code == 204

    assert (simulator.order(ssl_id).status, simulator.order(ssl_id).reason_code) == ("Revoked", 4)
    assert refusal(scm.post(f"/ssl/v1/revoke/{ssl_id}", json=body)) == (400, -102)
    assert scm.get(f"/ssl/v1/{ssl_id}").json()["reasonCode"] == 4


def test_a_certificate_is_revoked_by_its_serial_number_in_any_form(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll
):
    """Colons, leading zeros and case do not matter."""
    first, second = simulator.order(enroll()), simulator.order(enroll())
    body = {"reasonCode": 1, "reason": "lost"}

    assert scm.post(f"/ssl/v1/revoke/serial/{first.serial}", json=body).status_code == 204
    stripped = second.serial.replace(":", "").lstrip("0").lower()
    assert scm.post(f"/ssl/v1/revoke/serial/{stripped}", json=body).status_code == 204
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
def test_a_revocation_needs_a_reason_that_is_allowed(
    scm: httpx.Client, enroll: Enroll, body: dict[str, Any], code: int
):
    """Reason 2 (CA compromise) is not for subscribers."""
    assert refusal(scm.post(f"/ssl/v1/revoke/{enroll()}", json=body)) == (400, code)


def test_whether_the_reason_code_may_be_left_out_is_a_dial(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """Sources disagree; a client sends both."""
    ssl_id = enroll()
    simulator.dials.reason_code_required = True

    assert refusal(scm.post(f"/ssl/v1/revoke/{ssl_id}", json={"reason": "x"})) == (400, -1001)
    simulator.dials.reason_code_required = False
    assert scm.post(f"/ssl/v1/revoke/{ssl_id}", json={"reason": "x"}).status_code == 204


def test_a_revocation_can_be_noted_by_hand(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """Only inside SCM; by id or by serial number, with a date if one likes."""
    first, second = enroll(), simulator.order(enroll())

    noted = scm.post("/ssl/v1/revoke/manual", json={"certId": first, "reasonCode": 4})
    by_serial = {"serialNumber": second.serial, "revokeDate": "2026-05-01T00:00:00.000+00:00"}

    assert noted.status_code == scm.post("/ssl/v1/revoke/manual", json=by_serial).status_code == 204
    assert simulator.order(first).status == simulator.order(second.ssl_id).status == "Revoked"
    assert refusal(scm.post("/ssl/v1/revoke/manual", json={"certId": first, "revokeDate": "x"})) == (
        400,
        -1601,
    )


def test_revocation_needs_its_privilege(connect: ClientMaker, enroll: Enroll):
    """Least privilege leaves it out."""
    body = {"reasonCode": 4, "reason": "x"}

    assert refusal(connect("weak").post(f"/ssl/v1/revoke/{enroll()}", json=body)) == (400, -3)


def test_comments_and_settings_can_be_changed_at_any_time(scm: httpx.Client, enroll: Enroll):
    """The id stands in the body, not in the path."""
    ssl_id = enroll()
    changes = {
        "sslId": ssl_id,
        "comments": "other",
        "externalRequester": "a@example.edu",
        "suspendNotifications": True,
        "autoRenewDetails": {"state": "Scheduled"},
    }

    shown = scm.put("/ssl/v1", json=changes).json()

    assert (shown["comments"], shown["externalRequester"]) == ("other", "a@example.edu")
    assert shown["suspendNotifications"] is True
    assert shown["autoRenewDetails"] == {"state": "Scheduled", "daysBeforeExpiration": 30}


def test_what_was_ordered_changes_only_before_issuance(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, waiting: int
):
    """After that there is replace."""
    changes = {"term": 90, "subjectAlternativeNames": [OTHER_NAME]}

    shown = scm.put("/ssl/v1", json={"sslId": waiting, **changes}).json()

    assert (shown["term"], shown["subjectAlternativeNames"]) == (90, [OTHER_NAME])
    simulator.issue(waiting)
    assert refusal(scm.put("/ssl/v1", json={"sslId": waiting, **changes})) == (400, -1113)


def test_an_update_is_checked_as_an_enrolment_is(scm: httpx.Client, waiting: int):
    """No name comes in by the back door."""
    body: dict[str, Any] = {"sslId": waiting, "subjectAlternativeNames": ["theirs.example.edu"]}

    assert refusal(scm.put("/ssl/v1", json=body)) == (400, -1010)
    assert refusal(scm.put("/ssl/v1", json={"sslId": waiting, "autoRenewDetails": {"state": "x"}})) == (
        400,
        -1601,
    )
    assert refusal(scm.put("/ssl/v1", json={"comments": "x"})) == (400, -1001)


def test_locations_are_noted_changed_and_forgotten(scm: httpx.Client, enroll: Enroll):
    """A bot may note where it has installed a certificate."""
    ssl_id = enroll()
    created = scm.post(f"/ssl/v1/{ssl_id}/location", json={"details": {"arn": "arn:aws:acm:…"}})
    place = created.headers["location"]

    assert created.status_code == 201
    assert scm.get(place).json()["details"] == {"arn": "arn:aws:acm:…"}
    assert scm.put(place, json={"details": {"arn": "other"}}).status_code == 200
    assert scm.get(f"/ssl/v1/{ssl_id}/location").json()[0]["details"] == {"arn": "other"}
    assert scm.delete(place).status_code == 204
    assert scm.get(place).status_code == 404
    assert refusal(scm.post(f"/ssl/v1/{ssl_id}/location", json={})) == (400, -1001)


def test_the_validation_of_each_name_can_be_seen(
    simulator: Simulator, scm: httpx.Client, connect: ClientMaker, enroll: Enroll
):
    """Instructions come only with what is not validated."""
    simulator.dials.issuance_polls = 9
    ssl_id = enroll(subjAltNames=OTHER_NAME)

    calm = scm.get(f"/ssl/v1/{ssl_id}/dcv").json()
    simulator.dials.dcv = "EXPIRED"
    troubled = connect("rao").post(f"/ssl/v1/{ssl_id}/dcv/recheck")

    assert [one["dcvStatus"] for one in calm["dcvLog"]["log"]] == ["Validated", "Validated"]
    assert calm["instructions"] == []
    assert troubled.status_code == 202
    assert [one["domainName"] for one in troubled.json()["instructions"]] == [NAME, OTHER_NAME]
    assert refusal(scm.post(f"/ssl/v1/{ssl_id}/dcv/recheck")) == (400, -3)


def test_only_imported_certificates_can_be_deleted(connect: ClientMaker, enroll: Enroll):
    """What was ordered stays on the record."""
    assert refusal(connect("rao").delete(f"/ssl/v1/{enroll()}")) == (400, -37)


def test_the_status_follows_the_clock(simulator: Simulator, enroll: Enroll, clock: Clock):
    """Nobody need look for a certificate to expire."""
    ssl_id = enroll()
    clock.forward(days=200)

    assert simulator.order(ssl_id).status == "Expired"
