"""Renew, mark as renewed, and replace (SCM reference §5.7-5.9)."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from scm_simulator import PastCertificate
from tests.simulator.driver import (
    NAME,
    OTHER_NAME,
    RSA_PROFILE,
    Scm,
    a_csr,
    ec_key,
    leaf_of,
    names_in,
    refusal,
    rsa_key,
)


def renew(scm: Scm, ssl_id: int, *, by: str = "drao", **body: Any) -> Any:
    """Renew a certificate by its id."""
    return scm.post(f"/ssl/v1/renewById/{ssl_id}", by=by, json=body)


def test_renew_by_id_returns_a_new_id_and_marks_the_old_order(scm: Scm):
    """No other answer links the two orders, so the client must store it."""
    old_id = scm.enroll(subjAltNames=OTHER_NAME)

    old, new = scm.order(old_id), scm.order(renew(scm, old_id).json()["sslId"])

    assert new.ssl_id != old_id
    assert (old.status, scm.order(old_id).renewed) == ("Issued", True)
    assert (new.names, new.public_key, new.renewed) == (old.names, old.public_key, False)


def test_a_renewal_can_have_another_key(scm: Scm):
    """Without a CSR the old key is used again."""
    key = ec.generate_private_key(ec.SECP256R1())
    old_id = scm.enroll()

    new_id = renew(scm, old_id, csr=a_csr(key)).json()["sslId"]

    assert scm.order(new_id).public_key != scm.order(old_id).public_key


def test_a_term_no_longer_offered_becomes_the_longest(scm: Scm):
    """In March 2026 a term of 365 days became 199 days."""
    ssl_id = scm.enroll(term=90)
    object.__setattr__(scm.simulator.world.profiles_by_id[3001], "terms", (47, 199))

    assert scm.order(renew(scm, ssl_id).json()["sslId"]).term_days == 199


def test_only_an_issued_certificate_can_be_renewed(scm: Scm):
    """A client must enroll again for an expired or revoked certificate."""
    revoked, expired = scm.enroll(), scm.enroll(term=90)
    scm.simulator.revoke(revoked)
    scm.dials.issuance_polls = 9
    pending = scm.enroll()

    assert refusal(renew(scm, revoked)) == refusal(renew(scm, pending)) == (400, -130)
    scm.clock.forward(days=100)
    scm.simulator.set_password("drao", "Secret-1")
    assert refusal(renew(scm, expired)) == (400, -130)


def test_a_renewal_is_checked_like_an_enrollment(scm: Scm):
    """A profile, a privilege or a validation may have changed since the order."""
    not_renewable, ours = scm.enroll(key=rsa_key(), certType=RSA_PROFILE), scm.enroll()

    assert refusal(renew(scm, 4711)) == (400, -124)
    assert refusal(renew(scm, not_renewable)) == (400, -180)
    assert refusal(renew(scm, ours, by="weak")) == (400, -3)
    scm.dials.dcv = "EXPIRED"
    assert refusal(renew(scm, ours)) == (400, -107)
    assert not scm.order(ours).renewed


def test_renew_by_renew_id_returns_nothing(scm: Scm):
    """The client can find the new id only in a list, so it cannot use this operation."""
    old = scm.order(scm.enroll())

    answer = scm.post(f"/ssl/v1/renew/{old.renew_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert len(scm.simulator.orders) == 2
    assert refusal(scm.post("/ssl/v1/renew/unknown", json={})) == (400, -123)


def test_marking_as_renewed_orders_nothing(scm: Scm):
    """SCM then sends no more expiry notifications for the old certificate."""
    old, new = scm.enroll(), scm.enroll()

    assert refusal(scm.post(f"/ssl/v1/renew/manual/{old}", json={"id": 4711})) == (400, -124)
    assert refusal(scm.post("/ssl/v1/renew/manual/4711", json={})) == (400, -124)
    assert scm.post(f"/ssl/v1/renew/manual/{new}").status_code == 204, "the new certificate is optional"
    assert scm.post(f"/ssl/v1/renew/manual/{old}", json={"id": new}).status_code == 204

    assert scm.order(old).renewed_by == new
    assert len(scm.simulator.orders) == 2
    assert scm.get(f"/ssl/v1/{old}").json()["renewed"] is True


def replace(scm: Scm, ssl_id: int, *, by: str = "drao", **changes: Any) -> Any:
    """Replace a certificate, for the RSA key unless *changes* differ."""
    return scm.post(f"/ssl/v1/replace/{ssl_id}", by=by, json={"csr": a_csr(rsa_key()), "reason": "new key"} | changes)


def test_a_replacement_keeps_id_and_end_of_validity(scm: Scm):
    """A client polls the details until the serial number changes."""
    ssl_id = scm.enroll()
    before = scm.order(ssl_id)
    scm.clock.forward(days=10)

    answer = replace(scm, ssl_id, subjectAlternativeNames=[OTHER_NAME])

    after = scm.order(ssl_id)
    assert (answer.status_code, answer.content) == (204, b"")
    assert after.serial != before.serial
    assert (after.expires_at, after.replaced_at) == (before.expires_at, scm.clock())
    assert names_in(leaf_of(scm.collect(ssl_id))) == [NAME, OTHER_NAME]


@pytest.mark.parametrize("dial", ["old", "pending"])
def test_collect_during_a_replacement_depends_on_the_dial(scm: Scm, dial: Any):
    """The old certificate does not match the new key, so a client must compare before it stores."""
    ssl_id = scm.enroll()
    old = scm.order(ssl_id)
    scm.dials.issuance_polls, scm.dials.collect_during_replacement = 1, dial
    replace(scm, ssl_id)

    first, second = scm.collect(ssl_id), scm.collect(ssl_id)

    if dial == "old":
        assert leaf_of(first) == old.certificate
    else:
        assert refusal(first) == (400, 0)
    assert leaf_of(second).public_key() == rsa_key().public_key()


def test_all_views_show_the_old_certificate_during_a_replacement(scm: Scm):
    """A row with dates but without a serial number would belong to no certificate."""
    ssl_id = scm.enroll()
    scm.dials.issuance_polls = 5
    replace(scm, ssl_id)

    [listed], details = scm.get("/ssl/v1").json(), scm.get(f"/ssl/v1/{ssl_id}").json()
    report = scm.post("/report/v1/ssl-certificates", json={"serialNumberFormat": "HEXWithLeadingZeros"}).json()

    serials = {view["serialNumber"] for view in (listed, details, report["reports"][0])}
    assert serials == {scm.order(ssl_id).serial}
    assert report["reports"][0]["issued"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"csr": None}, -1001),
        ({"reason": None}, -1001),
        ({"subjectAlternativeNames": OTHER_NAME}, -1002),
        ({"subjectAlternativeNames": ["theirs.example.edu"]}, -1010),
    ],
)
def test_a_replacement_needs_csr_reason_and_an_array_of_names(scm: Scm, changes: dict[str, Any], code: int):
    """On enroll the names are a string, here an array."""
    assert refusal(replace(scm, scm.enroll(), **changes)) == (400, code)


def test_only_an_issued_certificate_can_be_replaced(scm: Scm):
    """The account needs sslReplace as well."""
    ssl_id = scm.enroll()

    assert refusal(replace(scm, ssl_id, by="weak")) == (400, -3)
    scm.simulator.revoke(ssl_id)
    assert refusal(replace(scm, ssl_id)) == (400, -130)


def issue_past(scm: Scm, days_ago: int) -> int:
    """Add a certificate for the EC key that was issued *days_ago*."""
    past = PastCertificate(2001, (NAME,), 3001, 199, issued_days_ago=days_ago)
    return scm.simulator.issue_past(past, a_csr(ec_key()))


def test_a_past_certificate_is_back_dated_and_without_faults(scm: Scm):
    """The certificate that is due is valid; the dials apply to its renewal."""
    scm.simulator.behave(NAME, wrong_key=True, missing_name=True, validity_days=1)
    issued = scm.clock() - timedelta(days=150)

    ssl_id = issue_past(scm, 150)

    leaf = leaf_of(scm.collect(ssl_id))
    assert leaf.not_valid_before_utc == issued.replace(microsecond=0)
    assert scm.get(f"/ssl/v1/{ssl_id}").json()["issued"] == issued.strftime("%m/%d/%Y")
    assert (leaf.public_key(), names_in(leaf)) == (ec_key().public_key(), [NAME])
    assert scm.order(ssl_id).status == "Issued"
    assert scm.order(issue_past(scm, 200)).status == "Expired"


def test_a_behaviour_that_is_not_a_dial_is_refused(scm: Scm):
    """A typing error in a test must not leave the simulator without the fault."""
    with pytest.raises(ValueError, match="no such dial: slowness"):
        scm.simulator.behave(NAME, slowness=3)
