from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from moto import mock_aws

from local.moto_repairs.strict_acm import StrictAcm

from .authority import NOW, Issued, Request, hierarchy, issue

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Acm:
    """ACM under the rules, with the dials and a short way to import."""

    def __init__(self, rules: StrictAcm, clock: Clock) -> None:
        self.rules = rules
        self.clock = clock
        self.client: Any = boto3.client("acm", region_name="eu-west-3")

    def put(self, leaf: Issued, chain: list[Issued] | None = None, region: str = "eu-west-3", **given: Any) -> str:
        """Import and return the ARN; the chain is the leaf's own unless another one is given."""
        links = list(hierarchy(kind_of(leaf))) if chain is None else chain
        request = {"Certificate": leaf.pem, "PrivateKey": leaf.key_pem, **given}
        if links:
            request.setdefault("CertificateChain", b"".join(link.pem for link in links))
        client = boto3.client("acm", region_name=region, config=None)
        return str(client.import_certificate(**request)["CertificateArn"])

    def refusal(self, *arguments: Any, **given: Any) -> tuple[str, str]:
        """Return the code and the text with which an import is refused."""
        with pytest.raises(ClientError) as refused:
            self.put(*arguments, **given)
        error = refused.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture
def acm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Acm]:
    """Run ACM under the rules, without its rate."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    clock = Clock()
    rules = StrictAcm(wait_factor=1.0, clock=clock)
    rules.imports_per_second = None
    with rules.installed(), mock_aws():
        yield Acm(rules, clock)


def kind_of(leaf: Issued) -> str:
    """Say which hierarchy issues such a key."""
    key = leaf.certificate.public_key()
    return "P-256" if hasattr(key, "curve") else "2048"


def a_leaf(request: Request | None = None, kind: str = "P-256") -> Issued:
    """Issue a certificate by the intermediate."""
    return issue(request or Request(key=kind), hierarchy(kind)[0])


def test_a_good_certificate_is_described_as_acm_describes_it(acm: Acm) -> None:
    """Our adapter compares the serial and reads the key type: both have a form of their own."""
    leaf = a_leaf()

    described = acm.client.describe_certificate(CertificateArn=acm.put(leaf))["Certificate"]
    assert int(described["Serial"].replace(":", ""), 16) == leaf.certificate.serial_number
    assert all(len(octet) == 2 for octet in described["Serial"].split(":"))
    assert described["KeyAlgorithm"] == "EC-prime256v1"
    assert described["KeyUsages"] == [{"Name": "DIGITAL_SIGNATURE"}]
    assert described["ExtendedKeyUsages"] == [{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": SERVER.dotted_string}]


def test_the_chain_comes_back_as_it_was_given(acm: Acm) -> None:
    """What is stored must be what was imported."""
    intermediate, root = hierarchy("P-256")

    answer = acm.client.get_certificate(CertificateArn=acm.put(a_leaf(), [intermediate, root]))
    assert answer["CertificateChain"].encode() == intermediate.pem + root.pem


def test_a_self_signed_certificate_needs_no_chain(acm: Acm) -> None:
    """ACM takes it; so must we, or a local test refuses what AWS allows."""
    assert acm.put(issue(Request()), [])


def test_a_certificate_of_a_ca_needs_its_chain(acm: Acm) -> None:
    """Clients could not build a path."""
    code, text = acm.refusal(a_leaf(), [])

    assert code == "ValidationException"
    assert "either a valid self-signed certificate or certificate chain" in text


def test_the_certificate_is_exactly_one(acm: Acm) -> None:
    """A full chain in the wrong field is the usual mistake."""
    leaf = a_leaf()

    code, text = acm.refusal(leaf, Certificate=leaf.pem + hierarchy("P-256")[0].pem)
    assert code == "ValidationException"
    assert text == (
        "The certificate field contains more than one certificate. You can specify only one certificate in this field."
    )


@pytest.mark.parametrize("field", ["Certificate", "CertificateChain", "PrivateKey"])
def test_what_is_not_pem_is_refused(acm: Acm, field: str) -> None:
    """DER, HTML, half a body: SCM has answered all of them."""
    leaf = a_leaf()
    der = leaf.certificate.public_bytes(serialization.Encoding.DER)

    code, text = acm.refusal(leaf, **{field: der})
    assert code == "ValidationException"
    assert "is not PEM-encoded or is not valid" in text


def test_text_around_the_certificates_is_refused(acm: Acm) -> None:
    """Some collect formats put subject lines before each certificate."""
    code, _ = acm.refusal(a_leaf(), CertificateChain=b"subject=CN=x\n" + hierarchy("P-256")[0].pem)

    assert code == "ValidationException"


def test_a_chain_out_of_order_is_refused_with_its_index(acm: Acm) -> None:
    """SCM has formats with the leaf or the root first, and a gap in the chain breaks it."""
    leaf, (intermediate, root) = a_leaf(), hierarchy("P-256")
    stranger = issue(Request(number=102, name="P-256 root", is_ca=True))

    for index, chain in ((0, [leaf, intermediate, root]), (0, [root, intermediate]), (1, [intermediate, stranger])):
        code, text = acm.refusal(leaf, chain)
        assert code == "ValidationException"
        assert text.endswith(f"The index within the chain of the invalid certificate is: {index}")


def test_the_key_is_the_certificates(acm: Acm) -> None:
    """A staged key of another order."""
    code, text = acm.refusal(a_leaf(), PrivateKey=a_leaf(Request(number=1)).key_pem)

    assert (code, text) == ("ValidationException", "The private key doesn't match the certificate.")


@pytest.mark.parametrize(
    ("days_ago", "text"), [(91, "The certificate has expired"), (-1, "The certificate is not in effect yet")]
)
def test_now_is_within_the_validity(acm: Acm, days_ago: int, text: str) -> None:
    """No import of the past, none of the future."""
    code, message = acm.refusal(a_leaf(Request(not_before=NOW - dt.timedelta(days=days_ago))))

    assert code == "ValidationException"
    assert message.startswith(text)


@pytest.mark.parametrize(("leaf", "authority"), [("2048", "P-256"), ("P-256", "2048")])
def test_leaf_and_issuer_have_the_same_kind_of_key(acm: Acm, leaf: str, authority: str) -> None:
    """An RSA certificate of an EC authority, or the reverse, is refused however valid."""
    mixed = issue(Request(key=leaf), hierarchy(authority)[0])

    code, text = acm.refusal(mixed, list(hierarchy(authority)))
    assert code == "ValidationException"
    assert "algorithm of the signing CA" in text


def test_a_re_import_keeps_the_arn_and_may_change_the_names(acm: Acm) -> None:
    """This is what a renewal does."""
    arn = acm.put(a_leaf())

    assert acm.put(a_leaf(Request(number=1, name="other.example.org")), CertificateArn=arn) == arn
    assert acm.client.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] == "other.example.org"


def test_a_re_import_takes_no_tags(acm: Acm) -> None:
    """Tags are for the first import."""
    arn = acm.put(a_leaf())

    refused = acm.refusal(a_leaf(), CertificateArn=arn, Tags=[{"Key": "delegation", "Value": "a"}])
    assert refused == ("ValidationException", "Tagging is not permitted on re-import.")


def test_an_unknown_arn_is_not_found(acm: Acm) -> None:
    """A certificate that was deleted."""
    arn = "arn:aws:acm:eu-west-3:123456789012:certificate/00000000-0000-0000-0000-000000000000"

    assert acm.refusal(a_leaf(), CertificateArn=arn)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(("held", "new"), [("2048", "P-256"), ("P-256", "P-384"), ("2048", "3072")])
def test_a_re_import_keeps_key_type_and_size(acm: Acm, held: str, new: str) -> None:
    """A new key type needs a new ARN, on every load balancer."""
    authority = {"2048": "2048", "3072": "2048", "P-256": "P-256", "P-384": "P-256"}
    arn = acm.put(issue(Request(key=held), hierarchy(authority[held])[0]), list(hierarchy(authority[held])))

    other = issue(Request(key=new), hierarchy(authority[new])[0])
    code, text = acm.refusal(other, list(hierarchy(authority[new])), CertificateArn=arn)
    assert code == "ValidationException"
    assert "key type and size cannot be changed" in text


def test_a_re_import_drops_no_key_usage(acm: Acm) -> None:
    """ACM lets usages be added, not removed."""
    request = Request(key="2048", usages=("digital_signature", "key_encipherment"))
    arn = acm.put(a_leaf(request, "2048"))

    code, text = acm.refusal(a_leaf(replace(request, usages=("digital_signature",)), "2048"), CertificateArn=arn)
    assert code == "ValidationException"
    assert text.endswith("KEY_ENCIPHERMENT.")


def test_a_re_import_drops_no_extended_key_usage(acm: Acm) -> None:
    """serverAuth, for one, must stay."""
    arn = acm.put(a_leaf(Request(extended=(SERVER, CLIENT))))

    _, text = acm.refusal(a_leaf(Request(extended=(CLIENT,))), CertificateArn=arn)
    assert text.endswith("TLS_WEB_SERVER_AUTHENTICATION.")


@pytest.mark.parametrize(
    ("held", "new"),
    [
        pytest.param(Request(extended=(SERVER, CLIENT)), Request(extended=(SERVER,)), id="clientAuth may go"),
        pytest.param(
            Request(usages=("digital_signature", "key_encipherment")),
            Request(),
            id="keyEncipherment of an EC key may go",
        ),
        pytest.param(Request(), Request(usages=("digital_signature", "key_agreement")), id="a usage may be added"),
    ],
)
def test_what_a_re_import_may_change(acm: Acm, held: Request, new: Request) -> None:
    """The exceptions of 2025 and 2026: without them every Sectigo renewal would be refused here."""
    arn = acm.put(a_leaf(held))

    assert acm.put(a_leaf(new), CertificateArn=arn) == arn


def test_one_import_a_second_and_region(acm: Acm) -> None:
    """Two renewals that end together meet this on AWS."""
    acm.rules.imports_per_second = 1.0
    acm.put(a_leaf())

    assert acm.refusal(a_leaf())[0] == "ThrottlingException"
    assert acm.put(a_leaf(), region="us-east-1")
    acm.clock.now += 1.0
    assert acm.put(a_leaf())


def test_the_rate_is_shortened_like_every_wait(acm: Acm) -> None:
    """A local run must not spend its time on it."""
    with StrictAcm(wait_factor=0.02, clock=acm.clock).installed():
        acm.put(a_leaf())
        acm.clock.now += 0.02
        assert acm.put(a_leaf())


def test_the_yearly_quota_counts_re_imports(acm: Acm) -> None:
    """AWS does not document whether it does; the stricter reading is applied."""
    acm.rules.imports_per_year = 2
    arn = acm.put(a_leaf())
    acm.put(a_leaf(), CertificateArn=arn)

    code, text = acm.refusal(a_leaf(), CertificateArn=arn)
    assert code == "LimitExceededException"
    assert text == "You have imported the maximum number of 2 certificates in the last year."


def test_only_small_rsa_is_listed_unless_asked_for(acm: Acm) -> None:
    """Without Includes.keyTypes, EC certificates are not listed and would be imported again."""
    small, elliptic = acm.put(a_leaf(kind="2048")), acm.put(a_leaf())

    def listed(**given: Any) -> list[str]:
        return [item["CertificateArn"] for item in acm.client.list_certificates(**given)["CertificateSummaryList"]]

    assert listed() == [small]
    assert listed(Includes={"keyTypes": ["EC_prime256v1"]}) == [elliptic]
    (summary,) = acm.client.list_certificates()["CertificateSummaryList"]
    assert summary["ExtendedKeyUsages"] == ["TLS_WEB_SERVER_AUTHENTICATION"]
