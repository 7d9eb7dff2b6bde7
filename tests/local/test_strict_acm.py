from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from moto import mock_aws

from local.moto_repairs.strict_acm import StrictAcm
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from tests.throwaway_ca import Issuer, hierarchy, pem, root

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Leaf:
    """A certificate of the throw-away CA, with its key."""

    certificate: x509.Certificate
    key: KeyPair

    @property
    def chain(self) -> list[x509.Certificate]:
        """Its issuers."""
        return chain_for(self.key.key_type)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return pem(self.certificate).encode()


@cache
def a_key(key_type: KeyType, number: int) -> KeyPair:
    """Make a key once; another number is another key."""
    del number
    return KeyPair.generate(key_type)


def chain_for(key_type: KeyType) -> list[x509.Certificate]:
    """The intermediate for a key of this type, and the root."""
    return [
        hierarchy().issuer_for(a_key(key_type, 0).private_key.public_key()).certificate,
        hierarchy().root.certificate,
    ]


def a_leaf(
    key_type: KeyType = KeyType.P_256,
    *,
    number: int = 0,
    issuer: Issuer | None = None,
    name: str = "www.example.org",
    usages: Sequence[str] = ("digital_signature",),
    extended: Sequence[x509.ObjectIdentifier] = (SERVER,),
    begins: datetime = NOW - timedelta(days=1),
) -> Leaf:
    """A certificate for 90 days."""
    key = a_key(key_type, number)
    public = key.private_key.public_key()
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    others = [x509.KeyUsage(**{usage: usage in usages for usage in every})]
    by = issuer or hierarchy().issuer_for(public)
    return Leaf(by.issue(public, [name], not_before=begins, days=90, usages=extended, others=others), key)


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

    def put(
        self, leaf: Leaf, chain: list[x509.Certificate] | None = None, region: str = "eu-west-3", **given: Any
    ) -> str:
        """Import and return the ARN; the chain is the leaf's own unless another one is given."""
        request = {"Certificate": leaf.pem, "PrivateKey": leaf.key.pem(), **given}
        if links := leaf.chain if chain is None else chain:
            request.setdefault("CertificateChain", pem(*links).encode())
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
    answer = acm.client.get_certificate(CertificateArn=acm.put(a_leaf()))

    assert answer["CertificateChain"] == pem(*chain_for(KeyType.P_256))


def test_a_self_signed_certificate_needs_no_chain(acm: Acm) -> None:
    """ACM takes it; so must we, or a local test refuses what AWS allows."""
    leaf = a_leaf()

    assert acm.put(a_leaf(issuer=Issuer(leaf.certificate, leaf.key.private_key)), [])


def test_a_certificate_of_a_ca_needs_its_chain(acm: Acm) -> None:
    """Clients could not build a path."""
    code, text = acm.refusal(a_leaf(), [])

    assert code == "ValidationException"
    assert "either a valid self-signed certificate or certificate chain" in text


def test_the_certificate_is_exactly_one(acm: Acm) -> None:
    """A full chain in the wrong field is the usual mistake."""
    leaf = a_leaf()

    code, text = acm.refusal(leaf, Certificate=leaf.pem + pem(leaf.chain[0]).encode())
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
    leaf = a_leaf()
    code, _ = acm.refusal(leaf, CertificateChain=b"subject=CN=x\n" + pem(leaf.chain[0]).encode())

    assert code == "ValidationException"


def test_a_chain_out_of_order_is_refused_with_its_index(acm: Acm) -> None:
    """SCM has formats with the leaf or the root first, and a gap in the chain breaks it."""
    leaf = a_leaf()
    intermediate, first = leaf.chain
    stranger = root("Throw-Away Root", a_key(KeyType.P_256, 1).private_key).certificate

    for index, chain in (
        (0, [leaf.certificate, intermediate, first]),
        (0, [first, intermediate]),
        (1, [intermediate, stranger]),
    ):
        code, text = acm.refusal(leaf, chain)
        assert code == "ValidationException"
        assert text.endswith(f"The index within the chain of the invalid certificate is: {index}")


def test_the_key_is_the_certificates(acm: Acm) -> None:
    """A staged key of another order."""
    code, text = acm.refusal(a_leaf(), PrivateKey=a_leaf(number=1).key.pem())

    assert (code, text) == ("ValidationException", "The private key doesn't match the certificate.")


@pytest.mark.parametrize(
    ("days_ago", "text"), [(91, "The certificate has expired"), (-1, "The certificate is not in effect yet")]
)
def test_now_is_within_the_validity(acm: Acm, days_ago: int, text: str) -> None:
    """No import of the past, none of the future."""
    code, message = acm.refusal(a_leaf(begins=NOW - timedelta(days=days_ago)))

    assert code == "ValidationException"
    assert message.startswith(text)


@pytest.mark.parametrize(("leaf", "authority"), [(KeyType.RSA_2048, "ec"), (KeyType.P_256, "rsa")])
def test_leaf_and_issuer_have_the_same_kind_of_key(acm: Acm, leaf: KeyType, authority: str) -> None:
    """An RSA certificate of an EC authority, or the reverse, is refused however valid."""
    issuer: Issuer = getattr(hierarchy(), authority)

    code, text = acm.refusal(a_leaf(leaf, issuer=issuer), [issuer.certificate, hierarchy().root.certificate])
    assert code == "ValidationException"
    assert "algorithm of the signing CA" in text


def test_a_re_import_keeps_the_arn_and_may_change_the_names(acm: Acm) -> None:
    """This is what a renewal does."""
    arn = acm.put(a_leaf())

    assert acm.put(a_leaf(number=1, name="other.example.org"), CertificateArn=arn) == arn
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


@pytest.mark.parametrize(
    ("held", "new"),
    [
        (KeyType.RSA_2048, KeyType.P_256),
        (KeyType.P_256, KeyType.P_384),
        (KeyType.RSA_2048, KeyType.RSA_3072),
    ],
)
def test_a_re_import_keeps_key_type_and_size(acm: Acm, held: KeyType, new: KeyType) -> None:
    """A new key type needs a new ARN, on every load balancer."""
    arn = acm.put(a_leaf(held))

    code, text = acm.refusal(a_leaf(new), CertificateArn=arn)
    assert code == "ValidationException"
    assert "key type and size cannot be changed" in text


def test_a_re_import_drops_no_key_usage(acm: Acm) -> None:
    """ACM lets usages be added, not removed."""
    arn = acm.put(a_leaf(KeyType.RSA_2048, usages=("digital_signature", "key_encipherment")))

    code, text = acm.refusal(a_leaf(KeyType.RSA_2048), CertificateArn=arn)
    assert code == "ValidationException"
    assert text.endswith("KEY_ENCIPHERMENT.")


def test_a_re_import_drops_no_extended_key_usage(acm: Acm) -> None:
    """serverAuth, for one, must stay."""
    arn = acm.put(a_leaf(extended=(SERVER, CLIENT)))

    _, text = acm.refusal(a_leaf(extended=(CLIENT,)), CertificateArn=arn)
    assert text.endswith("TLS_WEB_SERVER_AUTHENTICATION.")


@pytest.mark.parametrize(
    ("held", "new"),
    [
        ({"extended": (SERVER, CLIENT)}, {}),
        ({"usages": ("digital_signature", "key_encipherment")}, {}),
        ({}, {"usages": ("digital_signature", "key_agreement")}),
    ],
    ids=["clientAuth may go", "keyEncipherment of an EC key may go", "a usage may be added"],
)
def test_what_a_re_import_may_change(acm: Acm, held: dict[str, Any], new: dict[str, Any]) -> None:
    """The exceptions of 2025 and 2026: without them every Sectigo renewal would be refused here."""
    arn = acm.put(a_leaf(**held))

    assert acm.put(a_leaf(**new), CertificateArn=arn) == arn


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
    small, elliptic = acm.put(a_leaf(KeyType.RSA_2048)), acm.put(a_leaf())

    def listed(**given: Any) -> list[str]:
        return [item["CertificateArn"] for item in acm.client.list_certificates(**given)["CertificateSummaryList"]]

    assert listed() == [small]
    assert listed(Includes={"keyTypes": ["EC_prime256v1"]}) == [elliptic]
    (summary,) = acm.client.list_certificates()["CertificateSummaryList"]
    assert summary["ExtendedKeyUsages"] == ["TLS_WEB_SERVER_AUTHENTICATION"]
