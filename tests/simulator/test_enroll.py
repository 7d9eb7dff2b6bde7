"""Enrolment: what is accepted, and each thing that is refused (SCM reference §5.4)."""

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from scm_simulator import Fault, Simulator
from scm_simulator.world.domain_names import permits
from tests.simulator.material import (
    DEPARTMENT,
    FOREIGN_DEPARTMENT,
    NAME,
    OTHER_NAME,
    RSA_PROFILE,
    TERM,
    ClientMaker,
    Enroll,
    RequestMaker,
    a_csr,
    leaf_of,
    names_in,
    refusal,
)


def test_enrolment_answers_two_ids_and_no_certificate(
    simulator: Simulator, scm: httpx.Client, request_for: RequestMaker
):
    """The 200 means only that SCM has stored the request."""
    simulator.dials.issuance_polls = 1

    answer = scm.post("/ssl/v1/enroll", json=request_for()).json()

    [order] = simulator.orders
    assert answer == {"sslId": order.ssl_id, "renewId": order.renew_id}
    assert len(order.renew_id) == 20
    assert (order.status, order.comments, order.certificate) == ("Approved", "token", None)


def test_names_come_from_common_name_and_subjaltnames_and_never_from_the_csrs_sans(
    scm: httpx.Client, enroll: Enroll, ec_key: ec.EllipticCurvePrivateKey
):
    """A client that puts its names into the CSR only gets a certificate without them."""
    csr = a_csr(ec_key, NAME, sans=(NAME, f"lost.{NAME}"))
    ssl_id = enroll(csr=csr, subjAltNames=f"{OTHER_NAME}, {NAME}")

    leaf = leaf_of(scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO"))

    assert names_in(leaf) == [NAME, OTHER_NAME]


def test_a_blank_common_name_is_filled_by_the_first_other_name(
    simulator: Simulator, enroll: Enroll, ec_key: ec.EllipticCurvePrivateKey
):
    """Some clients send a CSR with an empty subject."""
    enroll(csr=a_csr(ec_key, ""), subjAltNames=f"{OTHER_NAME},{NAME}")

    assert simulator.orders[0].names == (OTHER_NAME, NAME)


def test_a_csr_may_come_without_its_armour(enroll: Enroll, ec_key: ec.EllipticCurvePrivateKey):
    """The vendor's own example of an update sends bare base64."""
    lines = a_csr(ec_key).strip().splitlines()

    assert enroll(csr="\n".join(lines[1:-1]))


def test_numbers_may_come_as_texts_and_unknown_members_are_passed_over(enroll: Enroll):
    """Nearly every client still sends numberServers and serverType, and some quote orgId."""
    assert enroll(orgId=str(DEPARTMENT), numberServers=0, serverType=-1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subjAltNames": [OTHER_NAME]}, -1002),
        ({"orgId": [DEPARTMENT]}, -1002),
        ({"csr": 7}, -1002),
        ({"customFields": {"name": "x"}}, -1002),
        ({"orgId": None}, -1001),
        ({"csr": None}, -1001),
        ({"csr": ""}, -1001),
        ({"certType": None}, -1001),
        ({"term": None}, -1001),
        ({"term": 0}, -1001),
        ({"comments": "x" * 1025}, -1001),
        ({"csr": "no base64 !"}, -9),
        ({"csr": "QUJD"}, -10),
        ({"term": 365}, -36),
        ({"certType": 9999}, -111),
        ({"certType": 3009}, -39),
        ({"orgId": 9999}, -1023),
        ({"orgId": FOREIGN_DEPARTMENT}, -1023),
        ({"customFields": [{"name": "unknown", "value": "x"}]}, -135),
        ({"subjAltNames": "not a name"}, -732),
        ({"subjAltNames": "theirs.example.edu"}, -1010),
        ({"subjAltNames": "asked.example.edu"}, -1010),
        ({"subjAltNames": "asleep.example.edu"}, -715),
        ({"subjAltNames": "lapsed.example.edu"}, -107),
    ],
)
def test_each_fault_of_a_request_has_its_own_code_and_nothing_is_ordered(
    simulator: Simulator,
    scm: httpx.Client,
    request_for: RequestMaker,
    changes: dict[str, object],
    code: int,
):
    """The codes are what a client goes by."""
    answer = scm.post("/ssl/v1/enroll", json=request_for(**changes))

    assert refusal(answer) == (400, code)
    assert not simulator.orders


@pytest.mark.parametrize("body", [b'""', b"", b"[]", b"{", b"null"])
def test_a_body_that_is_no_object_cannot_be_parsed(scm: httpx.Client, body: bytes):
    """The JSON string that old clients send is refused since 2024."""
    assert refusal(scm.post("/ssl/v1/enroll", content=body)) == (400, -1002)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"csr": ' + b"[" * 100_000])
def test_a_body_nested_too_deeply_cannot_be_parsed_either(simulator: Simulator, scm: httpx.Client, body: bytes):
    """Also while a fault that concerns one name has to look into it: a client would take silence for an outage."""
    simulator.dials.faults.append(Fault("unavailable", "POST /api/ssl/v1/enroll", name=OTHER_NAME))

    assert refusal(scm.post("/ssl/v1/enroll", content=body)) == (400, -1002)


def test_a_csr_signed_by_another_key_is_not_valid(
    scm: httpx.Client, request_for: RequestMaker, ec_key: ec.EllipticCurvePrivateKey
):
    """Proof of possession is the point of a CSR."""
    csr = a_csr(ec_key).strip().splitlines()
    spoilt = csr[-2][:-6] + ("AAAA" if csr[-2][-6:-2] != "AAAA" else "BBBB") + csr[-2][-2:]

    answer = scm.post("/ssl/v1/enroll", json=request_for(csr="\n".join([*csr[:-2], spoilt, csr[-1]])))

    assert answer.json()["code"] in (-10, -138)


def test_keys_must_be_of_a_type_and_size_that_the_profile_offers(
    scm: httpx.Client, request_for: RequestMaker, ec_key: ec.EllipticCurvePrivateKey
):
    """The client reads keyTypes from /types before it makes a key."""

    def code(key: object, profile: int) -> int:
        request = request_for(key=key, certType=profile)
        return int(scm.post("/ssl/v1/enroll", json=request).json()["code"])

    assert code(ec_key, RSA_PROFILE) == -170
    too_small = 1024
    assert code(rsa.generate_private_key(65537, too_small), RSA_PROFILE) == -141
    assert code(rsa.generate_private_key(65537, 3072), RSA_PROFILE) == -194
    assert code(ec.generate_private_key(ec.SECP521R1()), 3001) == -194


def test_a_key_of_no_known_algorithm_is_refused(scm: httpx.Client, request_for: RequestMaker):
    """Ed25519 is not for the public web."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    csr = request.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.PEM).decode()

    assert refusal(scm.post("/ssl/v1/enroll", json=request_for(csr=csr))) == (400, -11)


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
def test_a_plain_entry_permits_itself_and_a_star_all_below(entry: str, name: str, permitted: bool):
    """What people get wrong about delegations."""
    assert permits(entry, name) is permitted


def test_a_department_closed_to_the_api_refuses(connect: ClientMaker, request_for: RequestMaker):
    """The Web/REST API was not ticked: only the registration authority can change that."""
    above = connect("rao")

    answer = above.post("/ssl/v1/enroll", json=request_for("closed.example.edu", orgId=2003))

    assert refusal(answer) == (400, -1021)


def test_the_organisations_own_id_is_not_a_department(connect: ClientMaker, request_for: RequestMaker):
    """The orgId of every request is the department's."""
    assert refusal(connect("rao").post("/ssl/v1/enroll", json=request_for(orgId=2000))) == (400, -1021)


def test_without_the_privilege_nothing_is_ordered(connect: ClientMaker, request_for: RequestMaker):
    """Missing privileges are a 400, not a 403."""
    assert refusal(connect("weak").post("/ssl/v1/enroll", json=request_for())) == (400, -3)


@pytest.mark.parametrize(
    ("dials", "changes", "code"),
    [
        ({"web_api": False}, {}, -1021),
        ({"organisation_validation": "EXPIRED"}, {}, -843),
        ({"dcv": "EXPIRED"}, {}, -107),
        ({"dcv": "NOT_VALIDATED", "dcv_refusal": "-737"}, {}, -737),
        ({"dcv": "EXPIRED", "dcv_refusal": "-1137"}, {}, -1137),
        ({"external_requester_required": True}, {}, -139),
        ({"mandatory_custom_field": "cost centre"}, {}, -62),
        ({"foreign_id": "denied"}, {"orgId": FOREIGN_DEPARTMENT}, -37),
    ],
)
def test_dials_make_scm_refuse_enrolment(
    simulator: Simulator,
    scm: httpx.Client,
    request_for: RequestMaker,
    dials: dict[str, object],
    changes: dict[str, object],
    code: int,
):
    """Each is something that only the registration authority or the operator can put right."""
    for name, value in dials.items():
        setattr(simulator.dials, name, value)

    assert refusal(scm.post("/ssl/v1/enroll", json=request_for(**changes))) == (400, code)


def test_what_an_account_demands_can_be_given(simulator: Simulator, enroll: Enroll):
    """A requester and a custom field satisfy the two demands."""
    simulator.dials.external_requester_required = True
    simulator.dials.mandatory_custom_field = "cost centre"

    assert enroll(externalRequester="a@example.edu", customFields=[{"name": "cost centre", "value": "7"}])
    assert simulator.orders[0].custom_fields == (("cost centre", "7"),)


def test_a_dv_certificate_does_not_depend_on_the_organisations_validation(
    simulator: Simulator, scm: httpx.Client, request_for: RequestMaker
):
    """Only OV and EV say who the organisation is."""
    simulator.dials.organisation_validation = "EXPIRED"
    profile = simulator.world.profiles_by_id[3001]
    object.__setattr__(profile, "validation_type", "DV")

    assert scm.post("/ssl/v1/enroll", json=request_for()).is_success


def test_one_name_can_be_awkward_without_the_others(simulator: Simulator, scm: httpx.Client, request_for: RequestMaker):
    """One certificate of an estate is in trouble, the rest must be renewed all the same."""
    simulator.behave(NAME, dcv="EXPIRED")

    assert refusal(scm.post("/ssl/v1/enroll", json=request_for(NAME))) == (400, -107)
    assert scm.post("/ssl/v1/enroll", json=request_for(OTHER_NAME)).is_success


def test_the_certificate_is_a_real_one(scm: httpx.Client, enroll: Enroll, rsa_key: rsa.RSAPrivateKey):
    """Clients check it, so it must bear checking: key, validity, usage."""
    ssl_id = enroll(key=rsa_key)

    leaf = leaf_of(scm.get(f"/ssl/v1/collect/{ssl_id}?format=x509CO"))

    days = (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert leaf.public_key() == rsa_key.public_key()
    assert days == TERM - 1  # both ends count: 199 days to the second
    assert usage.digital_signature
    assert usage.key_encipherment
