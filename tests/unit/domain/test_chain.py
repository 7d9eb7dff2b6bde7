"""The chain: found in any delivery, verified to a root that clients trust, in the form that was asked for."""

from __future__ import annotations

from base64 import encodebytes
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from renewal.adapters.roots import public_roots
from renewal.domain.certificate.acceptance import Expectation, check
from renewal.domain.certificate.chain import Chain, TrustedRoots
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.certificate.facts import Certificate
from renewal.domain.errors import CertificateMismatch, ChainBroken, RenewalError
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from tests.throwaway_ca import Issuer, hierarchy, pem, root
from tests.unit.leaves import NAMES, delivered, key, leaf
from tests.unit.system import NOW

EVERY_ROOT = TrustedRoots((hierarchy().root.certificate, hierarchy().old_root.certificate))


@cache
def bundle() -> tuple[x509.Certificate, ...]:
    """Leaf, intermediate, both forms of the root, the old root, and another CA's intermediate."""
    ca = hierarchy()
    issuers = (ca.ec, ca.root, ca.cross_signed_root, ca.old_root, ca.rsa)
    return (leaf(), *(issuer.certificate for issuer in issuers))


def assembled(text: str, form: ChainForm = ChainForm.COMPATIBLE, roots: TrustedRoots = EVERY_ROOT) -> Chain:
    return delivered(text).chain(form, roots, NOW)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4), st.sampled_from(ChainForm))
def test_any_order_of_the_bundle_gives_the_same_chain(order: list[int], repeated: list[int], form: ChainForm) -> None:
    """SCM delivers root first, leaf first or unsorted, and nothing keeps it from delivering one twice."""
    ca, chain = hierarchy(), assembled(pem(*(bundle()[index] for index in [*order, *repeated])), form)

    cross_signed = [ca.cross_signed_root.certificate] if form is ChainForm.COMPATIBLE else []
    assert chain.pem() == pem(bundle()[0], ca.ec.certificate, *cross_signed)


@pytest.mark.parametrize(
    "malformed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("-----END CERTIFICATE-----\n", "-----END CERTIFICATE-----"),
        lambda text: "\n\n  \n" + text.replace("-----BEGIN", "\n\n-----BEGIN") + "\n\n",
    ],
    ids=["CRLF", "CR", "no final newline", "no newline between", "blank lines"],
)
def test_line_ends_do_not_matter(malformed: object) -> None:
    """All of these were observed (SCM reference §5.10)."""
    assert callable(malformed)
    text = pem(hierarchy().root.certificate, hierarchy().ec.certificate, bundle()[0])

    assert assembled(malformed(text)).pem() == pem(bundle()[0], hierarchy().ec.certificate)


def test_a_bundle_without_root_is_complete() -> None:
    """Some formats leave it out."""
    assert assembled(pem(hierarchy().ec.certificate, bundle()[0])).issuers_pem() == pem(hierarchy().ec.certificate)


@pytest.mark.parametrize("delivered_roots", [(), (1,), (4,), (1, 4)])
def test_a_cross_signed_issuer_is_kept_unless_the_file_has_short(delivered_roots: tuple[int, ...]) -> None:
    """S6: whether a root came with it changed what old clients were served."""
    ca = hierarchy()
    text = pem(bundle()[0], ca.cross_signed_root.certificate, ca.ec.certificate)
    text += pem(*({1: ca.root, 4: ca.old_root}[number].certificate for number in delivered_roots))

    kept = pem(ca.ec.certificate, ca.cross_signed_root.certificate)
    assert assembled(text).issuers_pem() == kept
    assert assembled(text, ChainForm.SHORT).issuers_pem() == pem(ca.ec.certificate)
    only_old = TrustedRoots((ca.old_root.certificate,))
    assert assembled(text, ChainForm.SHORT, only_old).issuers_pem() == kept


def test_of_two_ways_the_longer_lived_is_taken_whatever_the_order() -> None:
    """An intermediate signed twice; one of them about to expire (as AddTrust did in May 2020)."""
    ca = hierarchy()
    twin = ca.old_root.certify("Throw-Away EC CA", ca.ec.key, closes=datetime(2027, 1, 1, tzinfo=UTC))

    for pair in ((ca.ec, twin), (twin, ca.ec)):
        text = pem(*(issuer.certificate for issuer in pair), bundle()[0])
        assert assembled(text).issuers_pem() == pem(ca.ec.certificate)


def test_two_authorities_that_signed_each_other_are_no_endless_way() -> None:
    """Bridges do exist."""
    ca = hierarchy()
    first = ca.old_root.certify("One", new_key())
    other = first.certify("Other", new_key())
    back = other.certify("One", first.key)
    ours = pem(leaf(first), other.certificate, back.certificate)

    with pytest.raises(ChainBroken, match="no chain leads from"):
        assembled(ours)
    assert len(assembled(ours + pem(first.certificate)).issuers) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>502 Bad Gateway</html>",
        "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nTUlJ",
        "université",
    ],
    ids=["empty", "HTML", "no certificate", "half", "not ASCII"],
)
def test_garbage_is_a_named_error(text: str) -> None:
    """Whatever a proxy in between makes of the answer."""
    with pytest.raises(ChainBroken, match="not a list of PEM certificates"):
        assembled(text)


def test_another_certificate_with_its_chain_is_a_mismatch() -> None:
    """Its key is not ours, however fine it is."""
    theirs = hierarchy().ec.issue(
        KeyPair.generate(KeyType.P_256).private_key.public_key(), NAMES, not_before=NOW, days=199
    )
    with pytest.raises(CertificateMismatch, match="none of the 3 certificates that SCM delivered has the public key"):
        assembled(pem(theirs, hierarchy().ec.certificate, hierarchy().root.certificate))


def test_a_bundle_of_a_thousand_certificates_is_refused_unread() -> None:
    """A thousand that sign each other took 182 s; `collect` has 120 s."""
    with pytest.raises(ChainBroken, match="more than 10 certificates"):
        assembled(pem(*bundle()) + pem(hierarchy().ec.certificate) * 1_000)


def test_a_leaf_without_its_issuer_is_broken() -> None:
    """Neither alone, nor with a certificate that only bears the issuer's name."""
    impostor = hierarchy().root.certify("Throw-Away EC CA", new_key())

    for text in (pem(bundle()[0]), pem(bundle()[0], impostor.certificate, hierarchy().root.certificate)):
        with pytest.raises(
            ChainBroken, match=r"the issuer of the certificate \(CN=Throw-Away EC CA\) was not delivered with it"
        ):
            assembled(text)


def test_a_self_signed_leaf_is_broken() -> None:
    """Our key under a certificate that we could have made ourselves."""
    private = key(KeyType.P_256).private_key
    own = Issuer(leaf(names=["self.example"]), private).issue(
        private.public_key(), ["self.example"], not_before=NOW, days=9
    )

    with pytest.raises(ChainBroken):
        assembled(pem(own))


def test_a_chain_reads_back_what_it_wrote() -> None:
    """The order book keeps it between two tries."""
    chain = assembled(pem(*bundle()))

    assert Chain.parse(chain.pem()) == chain


@given(st.integers(0, 5), st.integers(0, 700), st.integers(1, 255))
def test_one_flipped_byte_is_a_named_error_or_the_same_chain(which: int, where: int, flip: int) -> None:
    """A certificate that was changed on its way is not stored, and does not end in a traceback."""
    der = bytearray(bundle()[which].public_bytes(Encoding.DER))
    der[where % len(der)] ^= flip
    malformed = f"-----BEGIN CERTIFICATE-----\n{encodebytes(bytes(der)).decode()}-----END CERTIFICATE-----\n"
    others = [pem(first) for index, first in enumerate(bundle()) if index != which]
    try:
        chain = assembled("".join([malformed, *others]))
        check(chain.leaf, Expectation(NAMES, KeyType.P_256, 199, ()), NOW)
    except RenewalError:
        return
    assert chain.leaf.x509 == bundle()[0]
    assert all(
        below.is_issued_by(above) for below, above in zip([chain.leaf, *chain.issuers], chain.issuers, strict=False)
    )


def test_a_root_that_issued_the_leaf_is_its_whole_chain() -> None:
    """ACM and chain.pem need the issuer; its cross-signed twin is an issuer for old clients, too."""
    ca = hierarchy()
    certificate = leaf(ca.root)
    delivered = (ca.cross_signed_root, ca.root, ca.old_root)

    text = pem(certificate, *(issuer.certificate for issuer in delivered))

    chain = assembled(text, ChainForm.SHORT)
    assert chain.issuers_pem() == pem(ca.root.certificate)
    assert Chain.parse(chain.pem()) == chain
    assert assembled(text).issuers_pem() == pem(ca.cross_signed_root.certificate)


# ---- Trust ---------------------------------------------------------------------------------------------------------


def constrained(extension: x509.ExtensionType) -> Issuer:
    """An intermediate of the trusted root with one more extension."""
    ca, own = hierarchy(), new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Constrained CA")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(ca.root.certificate.subject)
    builder = builder.public_key(own.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2040, 1, 1, tzinfo=UTC)
    )
    if not isinstance(extension, x509.BasicConstraints):
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(extension, critical=True)
    return Issuer(builder.sign(ca.root.key, SHA256()), own)


CRL_ONLY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
ELSEWHERE = x509.NameConstraints([x509.DNSName("college.example")], None)


@pytest.mark.parametrize(
    ("issuer", "reason"),
    [
        (root("Unknown Root", new_key()), "no chain leads from"),
        (root("Unknown Root", new_key()).certify("Unknown CA", new_key()), "no chain leads from"),
        (hierarchy().root.certify("Short CA", new_key(), closes=NOW - timedelta(days=1)), "is not valid now"),
        (constrained(x509.BasicConstraints(ca=False, path_length=None)), "no chain leads from"),
        (constrained(CRL_ONLY), "no chain leads from"),
        (constrained(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])), "no chain leads from"),
        (constrained(ELSEWHERE), "no chain leads from"),
    ],
    ids=["root", "root of the issuer", "expired", "no CA", "key usage", "extended key usage", "name constraints"],
)
def test_a_chain_that_no_client_would_trust_is_broken(issuer: Issuer, reason: str) -> None:
    """S6: such an issuer was accepted, and every client of the service would have failed."""
    text = pem(leaf(issuer), issuer.certificate, hierarchy().root.certificate)

    for form in ChainForm:
        with pytest.raises(ChainBroken, match=reason):
            assembled(text, form)


@pytest.mark.parametrize("fingerprint", range(2), ids=["root", "intermediate"])
def test_a_private_root_is_trusted_by_its_fingerprint(fingerprint: int) -> None:
    """A private CA is in no public list; the stack names one of the certificates that SCM delivers."""
    private = root("Private Root", new_key())
    issuer = private.certify("Private CA", new_key())
    text = pem(leaf(issuer), issuer.certificate, private.certificate)
    named = Certificate((private, issuer)[fingerprint].certificate).fingerprint()

    with pytest.raises(ChainBroken):
        assembled(text)
    assert assembled(text, roots=replace(EVERY_ROOT, private=frozenset({named}))).issuers_pem() == pem(
        issuer.certificate
    )


def test_an_expired_cross_signed_issuer_is_left_out() -> None:
    """Clients that build one chain only failed when AddTrust expired in May 2020."""
    ca = hierarchy()
    expired = ca.old_root.certify("Throw-Away Root", ca.root.key, closes=NOW - timedelta(days=1))

    assert assembled(pem(leaf(), ca.ec.certificate, expired.certificate)).issuers_pem() == pem(ca.ec.certificate)


def test_a_certificate_that_begins_later_is_verified_for_then() -> None:
    """It waits in the order book, verified."""
    assert len(assembled(pem(leaf(starts=NOW + timedelta(days=2)), hierarchy().ec.certificate)).issuers) == 1


def test_nine_issuers_that_certify_each_other_are_bounded() -> None:
    """Three names with three certificates each are the most paths that ten certificates have."""
    keys = [new_key() for _ in range(3)]
    issuers = [root(f"CA {number}", keys[number]) for number in range(3)]
    every = [
        issuers[(number + 1) % 3].certify(f"CA {number}", keys[number], closes=NOW + timedelta(days=day))
        for number in range(3)
        for day in (1, 2, 3)
    ]
    with pytest.raises(ChainBroken, match="no chain leads from"):
        assembled(pem(leaf(every[0]), *(issuer.certificate for issuer in every)))


def test_the_public_roots_are_those_of_httpx() -> None:
    """Sectigo's are among them, and none is left out because of a warning."""
    names = {found.subject.rfc4514_string() for found in public_roots()}

    assert len(names) > 100
    assert "CN=Sectigo Public Server Authentication Root E46,O=Sectigo Limited,C=GB" in names
    assert "CN=USERTrust RSA Certification Authority,O=The USERTRUST Network,L=Jersey City,ST=New Jersey,C=US" in names
