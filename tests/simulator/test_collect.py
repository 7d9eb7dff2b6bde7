"""Collect: pending, formats, their order, and what can be wrong (SCM reference §5.10)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from scm_simulator import Simulator
from tests.simulator.material import (
    NAME,
    OTHER_NAME,
    ClientMaker,
    Clock,
    Enroll,
    leaf_of,
    names_in,
    refusal,
)

Collect = Callable[..., httpx.Response]


@pytest.fixture
def collect(scm: httpx.Client) -> Collect:
    """Collect one order: `collect(ssl_id, "x509R")`."""

    def make(ssl_id: int, form: str = "x509CO") -> httpx.Response:
        return scm.get(f"/ssl/v1/collect/{ssl_id}", params={"format": form})

    return make


def certificates_of(answer: httpx.Response) -> list[x509.Certificate]:
    """Return the certificates of an answer, in its order."""
    assert answer.is_success, answer.text
    return x509.load_pem_x509_certificates(answer.content)


def kinds(answer: httpx.Response) -> list[str]:
    """Return leaf, intermediate or root for each certificate of an answer, in its order."""

    def kind(one: x509.Certificate) -> str:
        if one.subject == one.issuer:
            return "root"
        ca = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        return "intermediate" if ca else "leaf"

    return [kind(one) for one in certificates_of(answer)]


LEAF_FIRST = ["leaf", "intermediate", "root"]
ROOT_FIRST = ["root", "intermediate", "leaf"]


@pytest.mark.parametrize("polls", [1, 3])
def test_an_order_is_pending_for_as_many_collects_as_the_dial_says(
    simulator: Simulator, enroll: Enroll, collect: Collect, polls: int
):
    """Pending is HTTP 400 with the code 0: neither success nor a refusal."""
    simulator.dials.issuance_polls = polls
    ssl_id = enroll()

    for _ in range(polls):
        assert refusal(collect(ssl_id)) == (400, 0)
    assert collect(ssl_id).is_success


def test_polling_the_details_brings_issuance_about_too(simulator: Simulator, scm: httpx.Client, enroll: Enroll):
    """Some clients poll the status and collect once."""
    simulator.dials.issuance_polls = 2
    ssl_id = enroll()

    seen = [scm.get(f"/ssl/v1/{ssl_id}").json()["status"] for _ in range(3)]

    assert seen == ["Applied", "Applied", "Issued"]


def test_issuance_can_take_time_instead_of_polls(simulator: Simulator, enroll: Enroll, collect: Collect, clock: Clock):
    """Hours may pass while an organisation is looked at by hand."""
    simulator.dials.issuance_seconds = 3600
    ssl_id = enroll()
    early = collect(ssl_id)
    clock.forward(hours=1)

    assert refusal(early) == (400, 0)
    assert collect(ssl_id).is_success


@pytest.mark.parametrize("code", [-183, -1400, -109, -103])
def test_pending_has_other_codes_too(simulator: Simulator, enroll: Enroll, collect: Collect, code: int):
    """Sources disagree; a client must know the family."""
    simulator.dials.issuance_polls = 1
    simulator.dials.pending_answer = str(code)  # type: ignore[assignment]  # one of its values

    assert refusal(collect(enroll())) == (400, code)


def test_pending_can_be_an_empty_success(simulator: Simulator, enroll: Enroll, collect: Collect):
    """A client that stores any 200 stores nothing."""
    simulator.dials.issuance_polls, simulator.dials.pending_answer = 1, "empty"

    answer = collect(enroll())

    assert (answer.status_code, answer.content) == (200, b"")


def test_collect_may_lag_behind_the_details(simulator: Simulator, scm: httpx.Client, enroll: Enroll, collect: Collect):
    """Details say Issued and collect still refuses: keep polling."""
    simulator.dials.collect_lag_polls = 1
    ssl_id = enroll()

    assert scm.get(f"/ssl/v1/{ssl_id}").json()["status"] == "Issued"
    assert refusal(collect(ssl_id)) == (400, 0)
    assert collect(ssl_id).is_success


@pytest.mark.parametrize(
    ("outcome", "status"), [("declined", "Declined"), ("rejected", "Rejected"), ("invalid", "Invalid")]
)
def test_a_dead_order_looks_pending_to_who_only_collects(
    simulator: Simulator, scm: httpx.Client, enroll: Enroll, collect: Collect, outcome: str, status: str
):
    """A client that never looks at the status polls for ever."""
    simulator.dials.outcome = outcome  # type: ignore[assignment]  # one of its values
    ssl_id = enroll()

    assert refusal(collect(ssl_id)) == (400, 0)
    assert scm.get(f"/ssl/v1/{ssl_id}").json()["status"] == status
    simulator.dials.dead_order_answer = "unavailable"
    assert refusal(collect(ssl_id)) == (400, -169)


def test_a_declined_order_was_requested_first(simulator: Simulator, enroll: Enroll, collect: Collect):
    """It is a person who declines, some time later."""
    simulator.dials.issuance_polls, simulator.dials.outcome = 1, "declined"
    ssl_id = enroll()

    collect(ssl_id)
    assert simulator.order(ssl_id).status == "Requested"
    collect(ssl_id)
    assert simulator.order(ssl_id).status == "Declined"
    assert simulator.order(ssl_id).declined_at


def test_a_revoked_certificate_cannot_be_collected(simulator: Simulator, enroll: Enroll, collect: Collect):
    """Revoked between issuance and collect: final."""
    simulator.dials.outcome = "revoked"

    assert refusal(collect(enroll())) == (400, -110)


@pytest.mark.parametrize(
    ("form", "order"),
    [
        ("x509", ROOT_FIRST),
        ("x509CO", ["leaf"]),
        ("x509IO", ["root", "intermediate"]),
        ("x509IOR", ["intermediate", "root"]),
        ("x509R", LEAF_FIRST),
        ("pem", ROOT_FIRST),
        ("pemco", ["leaf"]),
        ("pemia", ["leaf", "intermediate"]),
        ("X509co", ["leaf"]),
    ],
)
def test_each_text_format_has_its_content_and_order(enroll: Enroll, collect: Collect, form: str, order: list[str]):
    """x509 is root first: a client that takes the first certificate takes the root for its own."""
    assert kinds(collect(enroll(), form)) == order


def test_the_format_may_stand_in_the_path(scm: httpx.Client, enroll: Enroll):
    """Most clients written by others ask in this way."""
    assert kinds(scm.get(f"/ssl/v1/collect/{enroll()}/x509R")) == LEAF_FIRST


def test_the_default_and_the_binary_format_are_pkcs7(scm: httpx.Client, enroll: Enroll, collect: Collect):
    """A client that names no format gets no PEM certificates at all."""
    ssl_id = enroll()

    text = pkcs7.load_pem_pkcs7_certificates(scm.get(f"/ssl/v1/collect/{ssl_id}").content)
    binary = pkcs7.load_der_pkcs7_certificates(collect(ssl_id, "bin").content)

    assert len(text) == len(binary) == 3


def test_an_unknown_format_is_refused(enroll: Enroll, collect: Collect):
    """Also the one of which only rumour tells."""
    assert refusal(collect(enroll(), "pkcs12")) == (400, -126)


def test_unknown_and_foreign_orders_are_not_found(
    simulator: Simulator, connect: ClientMaker, enroll: Enroll, collect: Collect
):
    """Another department's certificate is nobody's business, unless the dial says no access instead."""
    ssl_id = enroll()
    stranger = connect("other-drao")

    assert refusal(collect(4711)) == (404, -5101)
    assert refusal(stranger.get(f"/ssl/v1/collect/{ssl_id}")) == (404, -5101)
    simulator.dials.foreign_id = "denied"
    assert refusal(stranger.get(f"/ssl/v1/collect/{ssl_id}")) == (400, -37)


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
def test_the_chain_verifies_and_its_issuer_is_of_the_keys_kind(
    simulator: Simulator,
    enroll: Enroll,
    collect: Collect,
    ec_key: ec.EllipticCurvePrivateKey,
    rsa_key: rsa.RSAPrivateKey,
    key_type: str,
):
    """ACM refuses an EC leaf from an RSA issuer and the other way round."""
    key = ec_key if key_type == "ec" else rsa_key
    leaf, intermediate, root = certificates_of(collect(enroll(key=key), "x509R"))

    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    assert root in x509.load_pem_x509_certificates(simulator.root_pem.encode())
    assert type(intermediate.public_key()) is type(leaf.public_key())


@pytest.mark.parametrize(("direction", "order"), [("leaf-first", LEAF_FIRST), ("root-first", ROOT_FIRST)])
def test_the_order_of_each_format_can_be_turned(
    simulator: Simulator, enroll: Enroll, collect: Collect, direction: Any, order: list[str]
):
    """The order of pem is not known; a client must not depend on any."""
    simulator.dials.chain_order["pem"] = direction

    assert kinds(collect(enroll(), "pem")) == order


def test_an_order_can_be_shuffled(simulator: Simulator, enroll: Enroll, collect: Collect):
    """A client that finds its leaf by the key does not mind."""
    simulator.dials.chain_order["x509"] = "shuffled"
    ssl_id = enroll()

    seen = {tuple(kinds(collect(ssl_id, "x509"))) for _ in range(50)}

    assert len(seen) > 2


def test_text_may_have_crlf_and_no_last_newline(simulator: Simulator, enroll: Enroll, collect: Collect):
    """Joined to another text without a newline between, PEM breaks."""
    ssl_id = enroll()
    usual = collect(ssl_id).content
    simulator.dials.crlf, simulator.dials.final_newline = True, False

    odd = collect(ssl_id).content

    assert usual.endswith(b"-----\n")
    assert odd == usual.rstrip(b"\n").replace(b"\n", b"\r\n")


def test_another_chain_does_not_lead_to_the_certificate(simulator: Simulator, enroll: Enroll, collect: Collect):
    """A client that does not build the chain itself serves a broken one."""
    simulator.dials.chain = "other"

    leaf, intermediate, _ = certificates_of(collect(enroll(), "x509R"))

    assert leaf.issuer != intermediate.subject


def test_a_cross_signed_chain_ends_in_a_legacy_root(simulator: Simulator, enroll: Enroll, collect: Collect):
    """The root comes twice in spirit: once signed by another."""
    simulator.dials.chain = "cross-signed"

    leaf, intermediate, crossed, legacy = certificates_of(collect(enroll(), "x509R"))

    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(crossed)
    crossed.verify_directly_issued_by(legacy)
    assert crossed.subject != crossed.issuer


def test_a_chain_may_be_missing(simulator: Simulator, enroll: Enroll, collect: Collect):
    """Served without its intermediate, a certificate fails in some clients only."""
    simulator.dials.chain = "leaf-only"

    assert kinds(collect(enroll(), "x509R")) == ["leaf"]


def test_each_fault_of_a_certificate_shows_in_it(
    simulator: Simulator, enroll: Enroll, collect: Collect, ec_key: ec.EllipticCurvePrivateKey, clock: Clock
):
    """What a client must check before it stores anything."""

    def faulty(**dial: Any) -> x509.Certificate:
        simulator.behave(OTHER_NAME, **dial)
        return leaf_of(collect(enroll(NAME, subjAltNames=OTHER_NAME)))

    assert faulty(wrong_key=True).public_key() != ec_key.public_key()
    assert names_in(faulty(wrong_key=False, missing_name=True)) == [NAME]
    short = faulty(missing_name=False, validity_days=30)
    assert short.not_valid_after_utc - short.not_valid_before_utc == timedelta(days=30, seconds=-1)
    assert faulty(validity_days=0, starts_in_days=2).not_valid_before_utc > clock()
    usage = faulty(starts_in_days=0, server_auth=False).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_the_only_name_missing_leaves_another(simulator: Simulator, enroll: Enroll, collect: Collect):
    """A certificate always has a name; it need not be the one asked for."""
    simulator.dials.missing_name = True

    assert NAME not in names_in(leaf_of(collect(enroll(NAME))))


def test_controls_end_an_order_at_once(simulator: Simulator, enroll: Enroll, collect: Collect):
    """Tests and people decide what the CA does; the API cannot."""
    simulator.dials.issuance_polls = 99
    issued, rejected, declined = enroll(), enroll(), enroll()

    simulator.issue(issued)
    simulator.reject(rejected)
    simulator.decline(declined)

    assert collect(issued).is_success
    assert [simulator.order(one).status for one in (rejected, declined)] == ["Rejected", "Declined"]
