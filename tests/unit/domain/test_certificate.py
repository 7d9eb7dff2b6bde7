"""What SCM delivers is compared with its order before anything is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from renewal.adapters.acm_rules import (
    CLIENT_AUTH,
    HeldCertificate,
    is_same_key_type,
    require_same_key_type,
    require_usages_kept,
)
from renewal.domain.certificate.acceptance import Expectation, check
from renewal.domain.certificate.facts import Certificate
from renewal.domain.certificate.serial import normalised_serial, printed_serial
from renewal.domain.errors import AcmWouldRefuse, CertificateBeginsLater, CertificateMismatch, CertificateUnusable
from renewal.domain.key_type import KeyType
from tests.throwaway_ca import SERVER, pem
from tests.unit.leaves import NAMES, delivered, leaf
from tests.unit.system import NOW

EXPECTED = Expectation(NAMES, KeyType.P_256, 199, ("*.univ.example", "univ.example"))
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


# ---- The checks ----------------------------------------------------------------------------------------------------


def checked(certificate: x509.Certificate, expected: Expectation = EXPECTED) -> tuple[str, ...]:
    return check(delivered(pem(certificate), expected.key_type).leaf, expected, NOW)


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
        (
            leaf(names=[*NAMES, "www.bank.example", "a.univ.example", "bank.example"]),
            "it has names that were neither ordered nor delegated: bank.example, www.bank.example",
        ),
        (leaf(usages=[CLIENT]), "it is not for servers (extended key usage serverAuth is missing)"),
        (leaf(usages=()), "it is not for servers (extended key usage serverAuth is missing)"),
        (leaf(others=[x509.BasicConstraints(True, 0)]), "it is a CA certificate (basic constraints)"),
    ],
)
def test_a_dangerous_certificate_is_not_stored(certificate: x509.Certificate, fault: str) -> None:
    """S6: the operator must have it revoked. A name of others in it, under our key, was no more than a note."""
    with pytest.raises(CertificateMismatch) as refused:
        checked(certificate)

    serial = printed_serial(f"{certificate.serial_number:X}")
    assert str(refused.value) == f"the certificate with serial {serial} was not stored: {fault}"


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        (leaf(days=230), "its lifetime is 230 days, and clients accept 200 at most"),
        (leaf(starts=NOW + timedelta(days=8)), "it is not valid before 2026-12-01 08:00Z"),
        (leaf(starts=NOW - timedelta(days=200)), "it expired on 2026-11-22 08:00Z"),
        (leaf(names=[*NAMES, *(f"{n}.univ.example" for n in range(1_999))]), "it has 2001 names; 2000 at most"),
    ],
)
def test_what_clients_would_refuse_is_not_stored_and_not_dangerous(certificate: x509.Certificate, fault: str) -> None:
    """The key is ours and the names are right: there is no reason to revoke it."""
    with pytest.raises(CertificateUnusable) as refused:
        checked(certificate)

    serial = printed_serial(f"{certificate.serial_number:X}")
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


def test_a_subject_that_is_not_der_has_a_named_error() -> None:
    """ACM is searched for the common name after an import whose answer was lost: each run failed without a reason."""
    der = leaf().public_bytes(Encoding.DER)
    name = NAMES[0].encode()
    damaged = der.replace(bytes([0x0C, len(name)]) + name, bytes([0x15, len(name)]) + name)

    with pytest.raises(CertificateUnusable, match=r"is not valid DER: .*subject"):
        checked(x509.load_der_x509_certificate(damaged))


@pytest.mark.parametrize("ahead", [timedelta(seconds=90), timedelta(hours=2), timedelta(days=6, hours=23)])
def test_a_certificate_that_begins_later_is_waited_for(ahead: timedelta) -> None:
    """Time resolves it: clocks differ, and some CAs date ahead. Until then clients would refuse it."""
    certificate = Certificate(leaf(starts=NOW + ahead))

    assert checked(certificate.x509) == ()
    with pytest.raises(CertificateBeginsLater, match=f"valid from {NOW + ahead:%Y-%m-%d %H:%M:%S}Z; it is stored"):
        certificate.require_begun(NOW)
    certificate.require_begun(NOW + ahead)


def test_all_dangers_are_reported_at_once() -> None:
    """One page, one reading; what is dangerous comes before what is only useless."""
    with pytest.raises(CertificateMismatch, match=r"lacks .*; it is not for servers"):
        checked(leaf(names=["x.example"], starts=NOW - timedelta(days=400), days=300, usages=[CLIENT]))


def test_names_are_compared_without_regard_to_case() -> None:
    """DNS ignores case, too."""
    assert checked(leaf(names=["IDP.univ.example", "www.UNIV.example"])) == ()


def test_another_lifetime_or_more_names_are_noted() -> None:
    """They are no reason to leave a service without a certificate, and none to revoke one."""
    assert checked(leaf(days=90)) == ("its lifetime is 90 days; 199 were asked for",)
    assert checked(leaf(), replace(EXPECTED, term_days=90)) == ("its lifetime is 199 days; 90 were asked for",)
    assert checked(leaf(names=[*NAMES, "univ.example"])) == ("it also has the names univ.example",)
    assert checked(leaf(names=[*NAMES, "univ.example"]), replace(EXPECTED, delegated=())) == (
        "it also has the names univ.example",
    )
    assert checked(leaf(names=[*NAMES, "a.univ.example"])) == ("it also has the names a.univ.example",)


@pytest.mark.parametrize("days", [198.1, 199, 199.99])
def test_a_day_more_or_less_is_as_asked(days: float) -> None:
    """CAs round to midnight."""
    assert checked(leaf(days=days)) == ()


def test_the_facts_of_a_certificate_are_as_the_order_book_writes_them() -> None:
    """Serials are compared with SCM's and ACM's."""
    certificate = Certificate(leaf())

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
    ("text", "serial"), [("0a:1B:00", "A1B00"), ("00 0A 1b", "A1B"), ("a1b", "A1B"), ("00", "0"), ("", "0")]
)
def test_serials_have_one_spelling(text: str, serial: str) -> None:
    """SCM writes colons, ACM leading zeros."""
    assert normalised_serial(text) == serial


# ---- ACM's rules ---------------------------------------------------------------------------------------------------

HELD = HeldCertificate(
    "arn:x", "eu-west-3", "A1", "RSA_2048", extended_key_usages=frozenset({"1.3.6.1.5.5.7.3.1", CLIENT_AUTH})
)


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
        with pytest.raises(AcmWouldRefuse, match=f"a key of type {held}, .* a key of type {key_type}, remove the ARN"):
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
