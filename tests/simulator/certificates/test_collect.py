"""Collect: pending orders, formats, their order, and faults of the certificate (SCM reference §5.10)."""

from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from scm_simulator.refusals import Refusal
from tests.simulator.driver import NAME, Scm, certificates_of, ec_key, is_ca, leaf_of, names_in, refusal, rsa_key

LEAF_FIRST = ["leaf", "intermediate", "root"]
ROOT_FIRST = ["root", "intermediate", "leaf"]


def kinds(answer: httpx.Response) -> list[str]:
    """Return leaf, intermediate or root for each certificate of an answer, in its order."""

    def kind(certificate: x509.Certificate) -> str:
        if certificate.subject == certificate.issuer:
            return "root"
        return "intermediate" if is_ca(certificate) else "leaf"

    return [kind(certificate) for certificate in certificates_of(answer)]


@pytest.mark.parametrize("polls", [1, 3])
def test_an_order_is_pending_for_the_polls_of_the_dial(scm: Scm, polls: int):
    """Pending is HTTP 400 with code 0, neither a success nor a refusal."""
    scm.dials.issuance_polls = polls
    ssl_id = scm.enroll()

    for _ in range(polls):
        assert refusal(scm.collect(ssl_id)) == (400, 0)
    assert scm.collect(ssl_id).is_success


def test_requests_for_the_details_count_as_polls(scm: Scm):
    """Some clients poll the status and collect once."""
    scm.dials.issuance_polls = 2
    ssl_id = scm.enroll()

    statuses = [scm.get(f"/ssl/v1/{ssl_id}").json()["status"] for _ in range(3)]

    assert statuses == ["Applied", "Applied", "Issued"]


def test_issuance_can_take_time_instead_of_polls(scm: Scm):
    """A manual check of an organisation can take hours."""
    scm.dials.issuance_seconds = 3600
    ssl_id = scm.enroll()

    assert refusal(scm.collect(ssl_id)) == (400, 0)
    scm.clock.forward(hours=1)
    assert scm.collect(ssl_id).is_success


@pytest.mark.parametrize("dial", ["-183", "-1400", "-109", "-103", "empty"])
def test_pending_has_other_codes_or_an_empty_success(scm: Scm, dial: Any):
    """Sources differ, so a client must handle all of them, and not store the body of a 200 without a check."""
    scm.dials.issuance_polls, scm.dials.pending_answer = 1, dial

    answer = scm.collect(scm.enroll())

    assert (
        (answer.status_code, answer.content) == (200, b"") if dial == "empty" else refusal(answer) == (400, int(dial))
    )


def test_collect_can_be_refused_after_the_status_is_issued(scm: Scm):
    """A client must continue to poll."""
    scm.dials.collect_lag_polls = 1
    ssl_id = scm.enroll()

    assert scm.get(f"/ssl/v1/{ssl_id}").json()["status"] == "Issued"
    assert refusal(scm.collect(ssl_id)) == (400, 0)
    assert scm.collect(ssl_id).is_success


@pytest.mark.parametrize("outcome", ["declined", "rejected", "invalid"])
def test_a_dead_order_is_pending_for_collect(scm: Scm, outcome: Any):
    """A client that does not request the status polls for ever."""
    scm.dials.outcome = outcome
    ssl_id = scm.enroll()

    assert refusal(scm.collect(ssl_id)) == (400, 0)
    assert scm.get(f"/ssl/v1/{ssl_id}").json()["status"] == outcome.capitalize()
    for code in ("-169", "-130", "-1112", "-1113"):
        scm.dials.dead_order_answer = code
        assert refusal(scm.collect(ssl_id)) == (400, int(code))


def test_a_declined_order_is_requested_first(scm: Scm):
    """An administrator declines it some time later."""
    scm.dials.issuance_polls, scm.dials.outcome = 1, "declined"
    ssl_id = scm.enroll()

    scm.collect(ssl_id)
    assert scm.order(ssl_id).status == "Requested"
    scm.collect(ssl_id)
    assert scm.order(ssl_id).status == "Declined"
    assert scm.order(ssl_id).declined_at


@pytest.mark.parametrize(
    ("name", "order"),
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
def test_each_text_format_has_its_content_and_order(scm: Scm, name: str, order: list[str]):
    """The format can be in the query or in the path; x509 is root first."""
    ssl_id = scm.enroll()

    assert kinds(scm.collect(ssl_id, name)) == kinds(scm.get(f"/ssl/v1/collect/{ssl_id}/{name}")) == order


def test_the_default_and_the_binary_format_are_pkcs7(scm: Scm):
    """Without a format the answer has no PEM certificates."""
    ssl_id = scm.enroll()

    text = pkcs7.load_pem_pkcs7_certificates(scm.get(f"/ssl/v1/collect/{ssl_id}").content)
    binary = pkcs7.load_der_pkcs7_certificates(scm.collect(ssl_id, "bin").content)

    assert len(text) == len(binary) == 3


def test_an_unknown_format_is_refused(scm: Scm):
    """SCM does not document pkcs12."""
    assert refusal(scm.collect(scm.enroll(), "pkcs12")) == (400, -126)


@pytest.mark.parametrize("key", [ec_key, rsa_key])
def test_the_chain_verifies_and_has_the_algorithm_of_the_key(scm: Scm, key: Any):
    """ACM refuses an EC certificate of an RSA issuer, and the reverse."""
    leaf, intermediate, root = certificates_of(scm.collect(scm.enroll(key=key()), "x509R"))

    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    assert root in x509.load_pem_x509_certificates(scm.simulator.root_pem.encode())
    assert type(intermediate.public_key()) is type(leaf.public_key())


def test_the_order_of_each_format_is_a_dial(scm: Scm):
    """The order of pem is not documented, so a client must not depend on it."""
    ssl_id = scm.enroll()
    scm.dials.chain_order |= {"pem": "leaf-first", "x509": "shuffled"}

    assert kinds(scm.collect(ssl_id, "pem")) == LEAF_FIRST
    assert len({tuple(kinds(scm.collect(ssl_id, "x509"))) for _ in range(50)}) > 2


def test_pem_can_have_crlf_and_no_final_newline(scm: Scm):
    """Without the newline two joined PEM texts are invalid."""
    ssl_id = scm.enroll()
    usual = scm.collect(ssl_id).content
    scm.dials.crlf, scm.dials.final_newline = True, False

    assert usual.endswith(b"-----\n")
    assert scm.collect(ssl_id).content == usual.rstrip(b"\n").replace(b"\n", b"\r\n")


def test_new_intermediates_issue_after_a_change(scm: Scm):
    """An earlier certificate keeps its issuer; a client that keeps one issuer for all breaks its chains."""
    first = scm.enroll()
    scm.collect(first)
    scm.simulator.change_issuers()
    second = scm.enroll()

    old, old_issuer, root = certificates_of(scm.collect(first, "x509R"))
    new, new_issuer, same_root = certificates_of(scm.collect(second, "x509R"))
    assert (old_issuer.subject == new_issuer.subject, root == same_root) == (False, True)
    old.verify_directly_issued_by(old_issuer)
    new.verify_directly_issued_by(new_issuer)


def test_a_cross_signed_chain_ends_in_a_legacy_root(scm: Scm):
    """The root is signed by another root instead of by itself."""
    scm.dials.chain = "cross-signed"

    leaf, intermediate, crossed, legacy = certificates_of(scm.collect(scm.enroll(), "x509R"))

    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(crossed)
    crossed.verify_directly_issued_by(legacy)
    assert crossed.subject != crossed.issuer


def test_a_missing_only_name_is_replaced_by_another(scm: Scm):
    """A certificate always has a name, but it can be a wrong one."""
    scm.dials.missing_name = True

    assert NAME not in names_in(leaf_of(scm.collect(scm.enroll(NAME))))


def test_a_certificate_may_be_for_clients_too(scm: Scm):
    """As Sectigo issued it by default until October 2025."""
    scm.dials.client_auth = True
    usages = leaf_of(scm.collect(scm.enroll(NAME))).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert {usage.dotted_string for usage in usages} == {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}


def test_controls_end_an_order_at_once(scm: Scm):
    """A test decides for the CA and for the administrators."""
    scm.dials.issuance_polls = 99
    issued, rejected, declined = scm.enroll(), scm.enroll(), scm.enroll()

    scm.simulator.issue(issued)
    scm.simulator.reject(rejected)
    scm.simulator.decline(declined)

    assert [scm.order(ssl_id).status for ssl_id in (issued, rejected, declined)] == ["Issued", "Rejected", "Declined"]


def test_an_order_that_is_issued_at_once_cannot_be_declined(scm: Scm):
    """SCM declines what waits; a control that ended an issued order would make a test prove nothing."""
    scm.dials.issuance_polls = 0
    ssl_id = scm.enroll()

    with pytest.raises(Refusal, match="1112"):
        scm.simulator.decline(ssl_id)
    assert scm.order(ssl_id).status == "Issued"
