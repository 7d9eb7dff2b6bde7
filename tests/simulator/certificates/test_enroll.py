"""Enrollment: what is accepted, and each refusal (SCM reference §5.4)."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from scm_simulator import Fault
from scm_simulator.world.domain_names import permits
from tests.simulator.driver import (
    DEPARTMENT,
    FOREIGN_DEPARTMENT,
    NAME,
    OTHER_NAME,
    PROFILE,
    RSA_PROFILE,
    TERM,
    Scm,
    a_csr,
    ec_key,
    enrollment,
    leaf_of,
    names_in,
    refusal,
    rsa_key,
)


def test_enrollment_returns_two_ids_and_no_certificate(scm: Scm):
    """HTTP 200 means only that SCM has stored the request."""
    scm.dials.issuance_polls = 1

    answer = scm.post("/ssl/v1/enroll", json=enrollment()).json()

    [order] = scm.simulator.orders
    assert answer == {"sslId": order.ssl_id, "renewId": order.renew_id}
    assert len(order.renew_id) == 20
    assert (order.status, order.comments, order.certificate) == ("Approved", "token", None)


def test_the_names_in_the_csr_extension_are_ignored(scm: Scm):
    """Names are the common name and subjAltNames, without duplicates."""
    csr = a_csr(ec_key(), NAME, sans=(NAME, f"lost.{NAME}"))

    ssl_id = scm.enroll(csr=csr, subjAltNames=f"{OTHER_NAME}, {NAME}")

    assert names_in(leaf_of(scm.collect(ssl_id))) == [NAME, OTHER_NAME]


def test_without_a_common_name_the_first_other_name_is_used(scm: Scm):
    """Some clients send a CSR with an empty subject."""
    ssl_id = scm.enroll(csr=a_csr(ec_key(), ""), subjAltNames=f"{OTHER_NAME},{NAME}")

    assert scm.order(ssl_id).names == (OTHER_NAME, NAME)
    assert scm.refused(csr=a_csr(ec_key(), "")) == (400, -7)


def test_the_dialects_of_older_clients_are_accepted(scm: Scm):
    """They send bare base64, numbers as texts and members that SCM ignores."""
    lines = a_csr(ec_key()).strip().splitlines()

    assert scm.enroll(csr="\n".join(lines[1:-1]))
    assert scm.enroll(orgId=str(DEPARTMENT), numberServers=0, serverType=-1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subjAltNames": [OTHER_NAME]}, -1002),
        ({"orgId": [DEPARTMENT]}, -1002),
        ({"orgId": True}, -1002),
        ({"csr": 7}, -1002),
        ({"customFields": {"name": "x"}}, -1002),
        ({"customFields": ["x"]}, -1002),
        ({"orgId": None}, -1001),
        ({"csr": None}, -1001),
        ({"csr": ""}, -1001),
        ({"certType": None}, -1001),
        ({"term": None}, -1001),
        ({"term": 0}, -1001),
        ({"comments": "x" * 1025}, -1001),
        ({"csr": "no base64 !"}, -9),
        ({"csr": "QUJD"}, -10),
        ({"csr": a_csr(ed25519.Ed25519PrivateKey.generate())}, -11),
        ({"term": 365}, -36),
        ({"certType": 9999}, -111),
        ({"certType": 3009}, -39),
        ({"orgId": 9999}, -1023),
        ({"orgId": FOREIGN_DEPARTMENT}, -1023),
        ({"customFields": [{"name": "unknown", "value": "x"}]}, -135),
        ({"subjAltNames": "not a name"}, -732),
        ({"subjAltNames": "theirs.example.edu"}, -1010),
        ({"subjAltNames": "requested.example.edu"}, -1010),
        ({"subjAltNames": "suspended.example.edu"}, -715),
        ({"subjAltNames": "expired.example.edu"}, -107),
    ],
)
def test_each_error_in_a_request_has_its_code(scm: Scm, changes: dict[str, Any], code: int):
    """A client decides by the code; nothing is ordered."""
    assert scm.refused(**changes) == (400, code)
    assert not scm.simulator.orders


@pytest.mark.parametrize("body", [b'""', b"", b"[]", b"{", b"null", b"[" * 100_000, b'{"csr": ' + b"[" * 100_000])
def test_a_body_that_is_not_an_object_is_refused(scm: Scm, body: bytes):
    """Also while a fault for a name has to read the body."""
    scm.dials.faults.append(Fault("unavailable", "POST /api/ssl/v1/enroll", name=OTHER_NAME))

    assert refusal(scm.post("/ssl/v1/enroll", content=body)) == (400, -1002)


def test_a_csr_signed_by_another_key_is_refused(scm: Scm):
    """The signature is the proof of possession."""
    csr = a_csr(ec_key()).strip().splitlines()
    changed = csr[-2][:-6] + ("AAAA" if csr[-2][-6:-2] != "AAAA" else "BBBB") + csr[-2][-2:]

    assert scm.refused(csr="\n".join([*csr[:-2], changed, csr[-1]]))[1] in (-10, -138)


@pytest.mark.parametrize(
    ("key", "profile", "code"),
    [
        (ec.generate_private_key(ec.SECP256R1()), RSA_PROFILE, -170),
        (rsa.generate_private_key(65537, 1024), RSA_PROFILE, -141),  # noqa: S505  # too small on purpose
        (rsa.generate_private_key(65537, 3072), RSA_PROFILE, -194),
        (ec.generate_private_key(ec.SECP521R1()), PROFILE, -194),
    ],
)
def test_a_key_must_be_offered_by_the_profile(scm: Scm, key: Any, profile: int, code: int):
    """A client reads keyTypes in /types before it generates a key."""
    assert scm.refused(key=key, certType=profile) == (400, code)


@pytest.mark.parametrize(
    ("entry", "name", "permitted"),
    [
        ("a.example", "a.example", True),
        ("a.example", "b.a.example", False),
        ("a.example", "*.a.example", False),
        ("*.a.example", "a.example", False),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "c.b.a.example", True),
        ("*.a.example", "*.a.example", True),
        ("*.a.example", "*.b.a.example", True),
        ("*.a.example", "ba.example", False),
        ("A.example", "a.EXAMPLE", True),
    ],
)
def test_a_wildcard_entry_permits_every_name_below_it(entry: str, name: str, permitted: bool):
    """A plain entry permits only itself, and a wildcard entry does not permit its own domain."""
    assert permits(entry, name) is permitted


@pytest.mark.parametrize(
    ("by", "changes", "code"),
    [("rao", {"name": "closed.example.edu", "orgId": 2003}, -1021), ("rao", {"orgId": 2000}, -1021), ("weak", {}, -3)],
)
def test_the_department_and_the_account_must_permit_the_api(scm: Scm, by: str, changes: dict[str, Any], code: int):
    """Only the registration authority can enable the API or grant a privilege."""
    assert scm.refused(by=by, **changes) == (400, code)


@pytest.mark.parametrize(
    ("dials", "changes", "code"),
    [
        ({"organisation_validation": "EXPIRED"}, {}, -843),
        ({"external_requester_required": True}, {}, -139),
        ({"mandatory_custom_field": "cost centre"}, {}, -62),
        ({"foreign_id": "denied"}, {"orgId": FOREIGN_DEPARTMENT}, -37),
    ],
)
def test_dials_make_scm_refuse_an_enrollment(scm: Scm, dials: dict[str, Any], changes: dict[str, Any], code: int):
    """Only the registration authority or the operator can resolve each of them."""
    for name, value in dials.items():
        setattr(scm.dials, name, value)

    assert scm.refused(**changes) == (400, code)


def test_a_client_can_send_what_the_dials_require(scm: Scm):
    """An external requester and a custom field are accepted."""
    scm.dials.external_requester_required = True
    scm.dials.mandatory_custom_field = "cost centre"

    ssl_id = scm.enroll(externalRequester="a@example.edu", customFields=[{"name": "cost centre", "value": "7"}])

    assert scm.order(ssl_id).custom_fields == (("cost centre", "7"),)


def test_a_dv_certificate_does_not_need_the_organisation_validation(scm: Scm):
    """Only OV and EV certificates identify the organisation."""
    scm.dials.organisation_validation = "EXPIRED"
    object.__setattr__(scm.simulator.world.profiles_by_id[PROFILE], "validation_type", "DV")

    assert scm.enroll()


def test_the_certificate_has_the_key_the_term_and_the_usage(scm: Scm):
    """Clients check what they collect."""
    leaf = leaf_of(scm.collect(scm.enroll(key=rsa_key())))

    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert leaf.public_key() == rsa_key().public_key()
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == TERM - 1  # 199 days, both ends counted
    assert usage.digital_signature
    assert usage.key_encipherment
