"""Renew, mark as renewed, and replace (SCM reference §5.7-5.9)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scm_simulator import Simulator
from tests.simulator.material import (
    NAME,
    OTHER_NAME,
    RSA_PROFILE,
    ClientMaker,
    Clock,
    Enroll,
    a_csr,
    leaf_of,
    names_in,
    refusal,
)


def test_renew_by_id_gives_a_new_id_and_marks_the_old(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """There is no link between the two but this answer: the client must keep it."""
    old_id = enroll(subjAltNames=OTHER_NAME)

    new_id = scm.post(f"/ssl/v1/renewById/{old_id}", json={}).json()["sslId"]

    old, new = simulator.order(old_id), simulator.order(new_id)
    assert new_id != old_id
    assert (old.status, old.renewed) == ("Issued", True)
    assert (new.names, new.public_key, new.renewed) == (old.names, old.public_key, False)


def test_a_renewal_may_bring_another_key(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """Without a CSR the old key lives on."""
    key = ec.generate_private_key(ec.SECP256R1())
    old_id = enroll()

    new_id = scm.post(f"/ssl/v1/renewById/{old_id}", json={"csr": a_csr(key)}).json()["sslId"]

    assert simulator.order(new_id).public_key != simulator.order(old_id).public_key


@pytest.mark.parametrize("body", [b'""', b""])
def test_renew_by_id_takes_a_string_or_nothing_only_by_dial(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, body: bytes
):
    """It worked in 2018 and was refused in 2024; several clients still send it."""
    ssl_id = enroll()

    assert refusal(scm.post(f"/ssl/v1/renewById/{ssl_id}", content=body)) == (400, -1002)
    simulator.dials.legacy_renew_body = True
    assert scm.post(f"/ssl/v1/renewById/{ssl_id}", content=body).is_success


def test_a_term_no_longer_offered_becomes_the_longest(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """As in March 2026, when 365 days became 199."""
    ssl_id = enroll(term=90)
    object.__setattr__(simulator.world.profiles_by_id[3001], "terms", (47, 199))

    new_id = scm.post(f"/ssl/v1/renewById/{ssl_id}", json={}).json()["sslId"]

    assert simulator.order(new_id).term_days == 199


def test_only_an_issued_certificate_is_renewed(simulator: Simulator, scm: httpx.Client, enroll: Enroll, clock: Clock):
    """Expired, revoked and open ones are not: enrol anew."""
    revoked, expired = enroll(), enroll()
    simulator.revoke(revoked)
    clock.forward(days=60)
    simulator.dials.issuance_polls = 9
    pending = enroll()

    def answer(ssl_id: int) -> tuple[int, int]:
        return refusal(scm.post(f"/ssl/v1/renewById/{ssl_id}", json={}))

    assert answer(revoked) == answer(pending) == (400, -130)
    simulator.set_password("drao", "Secret-1")
    clock.forward(days=140)
    simulator.set_password("drao", "Secret-1")
    assert answer(expired) == (400, -130)


def test_refusals_of_a_renewal(
    simulator: Simulator, scm: httpx.Client, connect: ClientMaker, enroll: Enroll, rsa_key: rsa.RSAPrivateKey
):
    """An unknown id, a profile that forbids it, a missing privilege, a delegation withdrawn since."""
    fixed, ours = enroll(key=rsa_key, certType=RSA_PROFILE), enroll()

    assert refusal(scm.post("/ssl/v1/renewById/4711", json={})) == (400, -124)
    assert refusal(scm.post(f"/ssl/v1/renewById/{fixed}", json={})) == (400, -180)
    assert refusal(connect("weak").post(f"/ssl/v1/renewById/{ours}", json={})) == (400, -3)
    simulator.dials.dcv = "EXPIRED"
    assert refusal(scm.post(f"/ssl/v1/renewById/{ours}", json={})) == (400, -107)
    assert not simulator.order(ours).renewed


def test_renew_by_renew_id_answers_nothing(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """The new id must be found by listing, so it is no use to a bot."""
    old = simulator.order(enroll())

    answer = scm.post(f"/ssl/v1/renew/{old.renew_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert len(simulator.orders) == 2
    assert refusal(scm.post("/ssl/v1/renew/unknown", json={})) == (400, -123)


def test_marking_as_renewed_orders_nothing(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """Afterwards SCM stops its expiry mails about the old certificate."""
    old, new = enroll(), enroll()

    assert scm.post(f"/ssl/v1/renew/manual/{old}", json={"id": new}).status_code == 204

    assert simulator.order(old).renewed
    assert simulator.order(old).renewed_by == new
    assert len(simulator.orders) == 2
    assert scm.get(f"/ssl/v1/{old}").json()["renewed"] is True


def test_marking_needs_certificates_that_are_there(scm: httpx.Client, enroll: Enroll):
    """A link to nowhere is refused; a mark without a link is not."""
    ssl_id = enroll()

    assert refusal(scm.post(f"/ssl/v1/renew/manual/{ssl_id}", json={"id": 4711})) == (400, -124)
    assert refusal(scm.post("/ssl/v1/renew/manual/4711", json={})) == (400, -124)
    assert scm.post(f"/ssl/v1/renew/manual/{ssl_id}").status_code == 204


def replacement(key: Any, **changes: object) -> dict[str, object]:
    """Return the body of a replacement."""
    return {"csr": a_csr(key), "reason": "new key"} | changes


def test_a_replacement_keeps_its_id_and_its_end(
    simulator: Simulator,
    scm: httpx.Client,
    enroll: Enroll,
    rsa_key: rsa.RSAPrivateKey,
    clock: Clock,
):
    """Same sslId, other serial: poll the details until the serial changes."""
    ssl_id = enroll()
    before = simulator.order(ssl_id)
    clock.forward(days=10)

    body = replacement(rsa_key, subjectAlternativeNames=[OTHER_NAME])
    answer = scm.post(f"/ssl/v1/replace/{ssl_id}", json=body)

    after = simulator.order(ssl_id)
    assert (answer.status_code, answer.content) == (204, b"")
    assert after.serial != before.serial
    assert after.expires_at == before.expires_at
    assert after.replaced_at == clock()
    assert names_in(leaf_of(scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO"))) == [NAME, OTHER_NAME]


@pytest.mark.parametrize("during", ["old", "pending"])
def test_collect_while_a_replacement_is_under_way(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, rsa_key: rsa.RSAPrivateKey, during: Any
):
    """The old certificate does not fit the new key: compare before storing."""
    ssl_id = enroll()
    old = simulator.order(ssl_id)
    simulator.dials.issuance_polls, simulator.dials.collect_during_replacement = 1, during
    scm.post(f"/ssl/v1/replace/{ssl_id}", json=replacement(rsa_key))

    first = scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO")
    second = scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO")

    if during == "old":
        assert leaf_of(first) == old.certificate
    else:
        assert refusal(first) == (400, 0)
    assert leaf_of(second).public_key() == rsa_key.public_key()


def test_list_details_and_report_tell_of_the_same_certificate_during_a_replacement(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, rsa_key: rsa.RSAPrivateKey
):
    """A row with `issued` and `expires` but without a serial number would be of no certificate at all."""
    ssl_id = enroll()
    simulator.dials.issuance_polls = 5
    scm.post(f"/ssl/v1/replace/{ssl_id}", json=replacement(rsa_key))

    [listed], details = scm.get("/ssl/v1").json(), scm.get(f"/ssl/v1/{ssl_id}").json()
    [row] = scm.post("/report/v1/ssl-certificates", json={"serialNumberFormat": "HEXWithLeadingZeros"}).json()[
        "reports"
    ]

    assert listed["serialNumber"] == details["serialNumber"] == row["serialNumber"] == simulator.order(ssl_id).serial
    assert row["issued"]


def test_a_replacement_needs_csr_and_reason_and_names_as_an_array(
    scm: httpx.Client, enroll: Enroll, rsa_key: rsa.RSAPrivateKey
):
    """On enroll the names are one string, here an array: a trap for every client."""
    ssl_id = enroll()

    def answer(body: dict[str, object]) -> tuple[int, int]:
        return refusal(scm.post(f"/ssl/v1/replace/{ssl_id}", json=body))

    assert answer({"reason": "x"}) == (400, -1001)
    assert answer({"csr": a_csr(rsa_key)}) == (400, -1001)
    assert answer(replacement(rsa_key, subjectAlternativeNames=OTHER_NAME)) == (400, -1002)
    assert answer(replacement(rsa_key, subjectAlternativeNames=["theirs.example.edu"])) == (400, -1010)


def test_only_an_issued_certificate_is_replaced(
    simulator: Simulator, scm: httpx.Client, connect: ClientMaker, enroll: Enroll, rsa_key: rsa.RSAPrivateKey
):
    """And only with the privilege."""
    ssl_id = enroll()

    assert refusal(connect("weak").post(f"/ssl/v1/replace/{ssl_id}", json=replacement(rsa_key))) == (400, -3)
    simulator.revoke(ssl_id)
    assert refusal(scm.post(f"/ssl/v1/replace/{ssl_id}", json=replacement(rsa_key))) == (400, -130)


def test_a_certificate_from_the_past_is_issued_back_dated(
    simulator: Simulator, scm: httpx.Client, clock: Clock, ec_key: ec.EllipticCurvePrivateKey
):
    """Estates begin with certificates that are due."""
    issued = clock() - timedelta(days=150)

    ssl_id = simulator.issue_past(2001, a_csr(ec_key), [NAME], 3001, 199, issued)

    leaf = leaf_of(scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO"))
    assert leaf.not_valid_before_utc == issued.replace(microsecond=0)
    assert scm.get(f"/ssl/v1/{ssl_id}").json()["issued"] == issued.strftime("%m/%d/%Y")


def test_a_certificate_past_its_end_is_expired(simulator: Simulator, clock: Clock, ec_key: ec.EllipticCurvePrivateKey):
    """The status follows the clock."""
    issued = clock() - timedelta(days=200)

    ssl_id = simulator.issue_past(2001, a_csr(ec_key), [NAME], 3001, 199, issued)

    assert simulator.order(ssl_id).status == "Expired"


def test_faults_of_a_name_do_not_spoil_what_was_issued_before(
    simulator: Simulator, scm: httpx.Client, clock: Clock, ec_key: ec.EllipticCurvePrivateKey
):
    """The certificate that is to be renewed is sound; it is the new one that is not."""
    simulator.behave(NAME, wrong_key=True, missing_name=True, validity_days=1)

    ssl_id = simulator.issue_past(2001, a_csr(ec_key), [NAME], 3001, 199, clock() - timedelta(days=150))

    leaf = leaf_of(scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO"))
    assert leaf.public_key() == ec_key.public_key()
    assert names_in(leaf) == [NAME]
    assert simulator.order(ssl_id).status == "Issued"


def test_a_behaviour_that_is_no_dial_is_refused(simulator: Simulator):
    """A typing mistake in a test must not pass for calm weather."""
    with pytest.raises(ValueError, match="no such dial: slowness"):
        simulator.behave(NAME, slowness=3)
