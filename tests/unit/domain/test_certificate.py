"""What SCM delivers: found by its key, chained by its signatures, checked before anything is stored."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from renewal.adapters.acm_rules import (
    CLIENT_AUTH,
    HeldCertificate,
    is_same_key_type,
    require_same_key_type,
    require_usages_kept,
)
from renewal.domain.certificate import Certificate, Chain, Expectation, check, normalised_serial
from renewal.domain.errors import (
    AcmWouldRefuse,
    CertificateBeginsLater,
    CertificateMismatch,
    CertificateUnusable,
    ChainBroken,
    RenewalError,
)
from renewal.domain.keypair import KeyPair, KeyType, public_key_bytes
from tests.throwaway_ca import SERVER, Issuer, hierarchy, pem
from tests.unit.estate import NOW

NAMES = ("idp.univ.example", "www.univ.example")
EXPECTED = Expectation(NAMES, KeyType.P_256, 199)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@cache
def key(key_type: KeyType) -> KeyPair:
    return KeyPair.generate(key_type)


def spki(pair: KeyPair) -> bytes:
    return public_key_bytes(pair.private_key.public_key())


def leaf(
    issuer: Issuer | None = None,
    *,
    names: Sequence[str] = NAMES,
    starts: datetime = NOW - timedelta(hours=8),
    days: float = 199,
    usages: Sequence[x509.ObjectIdentifier] = SERVER,
    key_type: KeyType = KeyType.P_256,
    others: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    public = key(key_type).private_key.public_key()
    return (issuer or hierarchy().issuer_for(public)).issue(
        public, names, not_before=starts, days=days, usages=usages, others=others
    )


@cache
def bundle() -> tuple[x509.Certificate, ...]:
    """Leaf, intermediate, both forms of the root, the old root, and another CA's intermediate."""
    ca = hierarchy()
    issuers = (ca.ec, ca.root, ca.cross_signed_root, ca.old_root, ca.rsa)
    return (leaf(), *(issuer.certificate for issuer in issuers))


def assembled(text: str, key_type: KeyType = KeyType.P_256) -> Chain:
    return Chain.assemble(text, spki(key(key_type)))


# ---- The chain -----------------------------------------------------------------------------------------------------


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4))
def test_any_order_of_the_bundle_gives_the_same_chain(order: list[int], repeated: list[int]) -> None:
    """SCM delivers root first, leaf first or unsorted, and nothing keeps it from delivering one twice."""
    chain = assembled(pem(*(bundle()[index] for index in [*order, *repeated])))

    assert chain.pem() == pem(bundle()[0], hierarchy().ec.certificate)


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


def test_without_the_root_itself_its_cross_signed_twin_is_an_intermediate() -> None:
    """Then the way goes over the old root, which is left out in its turn."""
    ca = hierarchy()
    text = pem(ca.old_root.certificate, ca.cross_signed_root.certificate, ca.ec.certificate, bundle()[0])

    assert assembled(text).issuers_pem() == pem(ca.ec.certificate, ca.cross_signed_root.certificate)


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
    first = ca.old_root.certify("One", ec.generate_private_key(ec.SECP256R1()))
    other = first.certify("Other", ec.generate_private_key(ec.SECP256R1()))
    back = other.certify("One", first.key)
    ours = leaf(first)

    assert len(assembled(pem(ours, other.certificate, back.certificate)).issuers) == 2


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
    impostor = hierarchy().root.certify("Throw-Away EC CA", ec.generate_private_key(ec.SECP256R1()))

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
        check(chain, EXPECTED, NOW)
    except RenewalError:
        return
    assert chain.leaf.x509 == bundle()[0]
    assert all(
        below.is_issued_by(above) for below, above in zip([chain.leaf, *chain.issuers], chain.issuers, strict=False)
    )


# ---- The checks ----------------------------------------------------------------------------------------------------


def checked(certificate: x509.Certificate, expected: Expectation = EXPECTED, now: datetime = NOW) -> tuple[str, ...]:
    ca = hierarchy()
    text = pem(certificate, ca.ec.certificate, ca.rsa.certificate, ca.root.certificate)
    return check(assembled(text, expected.key_type), expected, now)


def test_a_certificate_as_asked_for_is_accepted_without_a_note() -> None:
    """Names, key, validity, usage, algorithm."""
    assert checked(leaf()) == ()
    assert checked(leaf(usages=[*SERVER, CLIENT])) == ()
    assert checked(leaf(key_type=KeyType.RSA_2048), replace(EXPECTED, key_type=KeyType.RSA_2048)) == ()


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        (leaf(names=NAMES[:1]), "it lacks www.univ.example"),
        (leaf(names=()), "it lacks idp.univ.example, www.univ.example"),
        (leaf(usages=[CLIENT]), "it is not for servers (extended key usage serverAuth is missing)"),
        (leaf(usages=()), "it is not for servers (extended key usage serverAuth is missing)"),
        (leaf(others=[x509.BasicConstraints(True, 0)]), "it is a CA certificate (basic constraints)"),
    ],
)
def test_a_dangerous_certificate_is_not_stored(certificate: x509.Certificate, fault: str) -> None:
    """The operator must have it revoked; the sentence gives the reason."""
    with pytest.raises(CertificateMismatch) as refused:
        checked(certificate)

    serial = f"{certificate.serial_number:X}"
    assert str(refused.value) == f"the certificate with serial {serial} was not stored: {fault}"


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        (leaf(days=230), "its lifetime is 230 days, and clients accept 200 at most"),
        (leaf(starts=NOW + timedelta(days=8)), "it is not valid before 2026-12-01 08:00 UTC"),
        (leaf(starts=NOW - timedelta(days=200)), "it expired on 2026-11-22 08:00 UTC"),
    ],
)
def test_what_clients_would_refuse_is_not_stored_and_not_dangerous(certificate: x509.Certificate, fault: str) -> None:
    """The key is ours and the names are right: there is no reason to revoke it."""
    with pytest.raises(CertificateUnusable) as refused:
        checked(certificate)

    serial = f"{certificate.serial_number:X}"
    assert str(refused.value) == f"the certificate with serial {serial} was not stored: {fault}"


NOT_DER = (
    x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.19"), bytes.fromhex("3003010100")),
    x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), bytes.fromhex("0302")),
)


@pytest.mark.parametrize("extension", NOT_DER, ids=["CA FALSE is written", "key usage is cut"])
def test_an_extension_that_is_not_der_has_a_named_error(extension: x509.UnrecognizedExtension) -> None:
    """The library raises a plain ValueError for all extensions at once; every run would fail without a reason."""
    with pytest.raises(CertificateUnusable, match="is not valid DER: error parsing asn1 value"):
        checked(leaf(others=[extension]))


@pytest.mark.parametrize("ahead", [timedelta(seconds=90), timedelta(hours=2), timedelta(days=6, hours=23)])
def test_a_certificate_that_begins_later_is_waited_for(ahead: timedelta) -> None:
    """Time resolves it: clocks differ, and some CAs date ahead. Until then clients would refuse it."""
    certificate = Certificate(leaf(starts=NOW + ahead))

    assert checked(certificate.x509) == ()
    with pytest.raises(CertificateBeginsLater, match=f"valid from {NOW + ahead:%Y-%m-%d %H:%M:%S} UTC; it is stored"):
        certificate.require_begun(NOW)
    certificate.require_begun(NOW + ahead)


def test_all_dangers_are_reported_at_once() -> None:
    """One page, one reading; what is dangerous comes before what is only useless."""
    with pytest.raises(CertificateMismatch, match=r"lacks .*; it is not for servers"):
        checked(leaf(names=["x.example"], starts=NOW - timedelta(days=400), days=300, usages=[CLIENT]))


def test_names_are_compared_without_regard_to_case() -> None:
    """DNS does not know case either."""
    assert checked(leaf(names=["IDP.univ.example", "www.UNIV.example"])) == ()


def test_another_lifetime_or_more_names_are_noted() -> None:
    """They are no reason to leave a service without a certificate, and none to revoke one."""
    assert checked(leaf(days=90)) == ("its lifetime is 90 days; 199 were asked for",)
    assert checked(leaf(), replace(EXPECTED, term_days=90)) == ("its lifetime is 199 days; 90 were asked for",)
    assert checked(leaf(names=[*NAMES, "univ.example"])) == ("it also has the names univ.example",)


@pytest.mark.parametrize("days", [198.1, 199, 199.99])
def test_a_day_more_or_less_is_as_asked(days: float) -> None:
    """CAs round to midnight."""
    assert checked(leaf(days=days)) == ()


def test_a_root_that_issued_the_leaf_is_its_whole_chain() -> None:
    """ACM and chain.pem need the issuer; what certifies the root on paths of its own does not belong to it."""
    ca = hierarchy()
    certificate = leaf(ca.root)
    delivered = (ca.cross_signed_root, ca.root, ca.old_root)

    chain = assembled(pem(certificate, *(issuer.certificate for issuer in delivered)))

    assert chain.issuers_pem() == pem(ca.root.certificate)
    assert Chain.parse(chain.pem()) == chain
    assert check(chain, EXPECTED, NOW) == ()


def test_the_facts_of_a_certificate_are_as_the_order_book_writes_them() -> None:
    """Serials are compared with SCM's and ACM's."""
    certificate = Certificate(bundle()[0])

    assert certificate.serial == normalised_serial(f"00:{certificate.x509.serial_number:x}")
    assert (certificate.not_before, certificate.not_after) == (
        NOW - timedelta(hours=8),
        NOW + timedelta(days=199, hours=-8),
    )
    assert certificate.names == NAMES
    assert certificate.key_type is KeyType.P_256
    assert certificate.issuer == "CN=Throw-Away EC CA"
    assert len(certificate.fingerprint()) == 64
    assert certificate.extended_key_usages == {"1.3.6.1.5.5.7.3.1"}


@pytest.mark.parametrize(
    ("text", "serial"),
    [("0a:1B:00", "A1B00"), ("00 0A 1b", "A1B"), ("a1b", "A1B"), ("00", "0"), ("", "0")],
)
def test_serials_have_one_spelling(text: str, serial: str) -> None:
    """SCM writes colons, ACM leading zeros."""
    assert normalised_serial(text) == serial


# ---- ACM's rules ---------------------------------------------------------------------------------------------------

HELD = HeldCertificate("arn:x", "eu-west-3", "A1", "RSA_2048", frozenset({"1.3.6.1.5.5.7.3.1", CLIENT_AUTH}))


@pytest.mark.parametrize("key_type", list(KeyType))
@pytest.mark.parametrize("held", ["RSA_2048", "RSA-2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1"])
def test_acm_never_changes_the_key_type_of_an_arn(key_type: KeyType, held: str) -> None:
    """Neither the algorithm nor the size; ACM itself writes two spellings."""
    words = {"P-256": "EC_prime256v1", "P-384": "EC_secp384r1"}
    same = words.get(key_type, key_type.replace("-", "_")) == held.replace("RSA-", "RSA_")

    assert is_same_key_type(held, key_type) is same
    if same:
        require_same_key_type(replace(HELD, key_algorithm=held), key_type)
    else:
        with pytest.raises(AcmWouldRefuse, match=f"arn:x holds a {held} key .* For a {key_type} key, remove the ARN"):
            require_same_key_type(replace(HELD, key_algorithm=held), key_type)


def test_acm_lets_only_client_auth_go() -> None:
    """CAs have stopped to certify clientAuth; anything else that was there must stay."""
    server, none = frozenset({"1.3.6.1.5.5.7.3.1"}), frozenset[str]()

    require_usages_kept(HELD, KeyType.RSA_2048, extended=server, key_usages=none)
    require_usages_kept(HELD, KeyType.RSA_2048, extended=server | {"1.3.6.1.5.5.7.3.4"}, key_usages=none)
    with pytest.raises(AcmWouldRefuse, match=r"lacks key usages that arn:x has \(1.3.6.1.5.5.7.3.1\)"):
        require_usages_kept(HELD, KeyType.RSA_2048, extended=frozenset({CLIENT_AUTH}), key_usages=none)


def test_acm_lets_key_encipherment_go_from_ec_certificates_only() -> None:
    """RFC 5480 forbids it for ECDSA, so ACM forgives its absence there; an RSA certificate must keep it."""
    held = replace(HELD, key_usages=frozenset({"DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"}))
    signs = frozenset({"DIGITAL_SIGNATURE"})
    extended = held.extended_key_usages

    require_usages_kept(held, KeyType.P_256, extended=extended, key_usages=signs)
    with pytest.raises(AcmWouldRefuse, match=r"lacks key usages that arn:x has \(KEY_ENCIPHERMENT\)"):
        require_usages_kept(held, KeyType.RSA_2048, extended=extended, key_usages=signs)
