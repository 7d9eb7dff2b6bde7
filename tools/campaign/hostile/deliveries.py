"""Deliveries of certificates: issuers that certify each other, awkward leaves, and damaged text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from campaign.fuzz import CORRUPTIONS
from renewal.adapters.acm_rules import require_algorithm_of_issuer
from renewal.adapters.http import MOST_BYTES
from renewal.domain.certificate.acceptance import Expectation, check
from renewal.domain.certificate.chain import Chain, Delivery, TrustedRoots
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.certificate.facts import Certificate
from renewal.domain.errors import RenewalError
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import public_key_bytes

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
NAMES = ("idp.univ.example",)
_PARSED = (
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.35",
    "2.5.29.37",
    "1.3.6.1.5.5.7.1.1",
)
"""Extensions that libraries parse (RFC 5280 §4.2)."""
_FACTS = tuple(name for name, kind in vars(Certificate).items() if isinstance(kind, property))
"""What a step may read of the certificate of a delivery."""
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def play(dice: random.Random) -> str:
    """Read one delivery. Raises AssertionError when a chain is accepted that is none."""
    leaf, issuers = _leaf(dice), _issuers(dice)
    delivered = [leaf, *dice.sample(issuers, dice.randint(0, len(issuers)))]
    roots = TrustedRoots(tuple(issuer for issuer in issuers if issuer.issuer == issuer.subject and dice.random() < 0.7))
    text, is_intact = _text(delivered, dice)
    form = dice.choice(list(ChainForm))
    try:
        chain = _accepted(text, form, roots)
    except RenewalError as error:
        if is_intact:
            _require_same_outcome(_outcome(delivered[::-1], form, roots), type(error).__name__)
        return type(error).__name__
    _require_chain(chain, roots)
    if is_intact:
        _require_same_outcome(_outcome(delivered[::-1], form, roots), chain.pem())
    return "result"


def _accepted(text: str, form: ChainForm, roots: TrustedRoots) -> Chain:
    delivery = Delivery.parse(text, public_key_bytes(_key(0).public_key()))
    for fact in _FACTS:
        getattr(delivery.leaf, fact)
    check(delivery.leaf, Expectation(NAMES, KeyType.P_256, 90, ("*.univ.example",)), NOW)
    chain = delivery.chain(form, roots, NOW)
    require_algorithm_of_issuer(chain)
    return Chain.parse(chain.pem())


def _outcome(delivered: Sequence[x509.Certificate], form: ChainForm, roots: TrustedRoots) -> str:
    try:
        return _accepted("".join(map(_pem, delivered)), form, roots).pem()
    except RenewalError as error:
        return type(error).__name__


def _require_same_outcome(found: str, expected: str) -> None:
    if found != expected:
        msg = "the outcome depends on the order of the delivery"
        raise AssertionError(msg)


def _require_chain(chain: Chain, roots: TrustedRoots) -> None:
    """Each certifies the one before, and a prefix of it leads to a root."""
    links = [chain.leaf.x509, *(issuer.x509 for issuer in chain.issuers)]
    for below, above in pairwise(links):
        below.verify_directly_issued_by(above)
    ends = {root.subject: root for root in roots.public}
    if not any(link.issuer in ends for link in links):
        msg = "no certificate of the chain was issued by a root"
        raise AssertionError(msg)


# ---- Certificates ---------------------------------------------------------------------------------------------------


@cache
def _key(number: int) -> Key:
    if number == 4:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048) if number == 5 else ec.generate_private_key(ec.SECP256R1())


def _leaf(dice: random.Random) -> x509.Certificate:
    number, names = dice.randint(1, 3), dice.choice([1, 1, 1, 1, 2, 2_001, 20_000])
    extensions: list[x509.ExtensionType] = [
        x509.SubjectAlternativeName(
            [x509.DNSName(NAMES[0]), *(x509.DNSName(f"a{n}.univ.example") for n in range(names - 1))]
        ),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ]
    if dice.random() < 0.2:
        extensions[dice.randrange(2)] = _junk(dice)
    leaf = _signed("leaf", 0, number, extensions, days=dice.choice([90, 90, 90, 90, 900, -1]))
    return _signed_after_damage(leaf, number, dice) if dice.random() < 0.3 else leaf


def _issuers(dice: random.Random) -> list[x509.Certificate]:
    """Up to twelve certificates of five authorities, most of them signed by another of the five."""
    return [_issuer(dice) for _ in range(dice.randint(0, 12))]


def _issuer(dice: random.Random) -> x509.Certificate:
    subject = dice.randint(1, 5)
    by = subject if dice.random() < 0.4 else dice.randint(1, 5)
    extensions: list[x509.ExtensionType] = []
    if dice.random() < 0.9:
        extensions.append(x509.BasicConstraints(ca=dice.random() < 0.9, path_length=None))
    if dice.random() < 0.1:
        extensions.append(_junk(dice))
    return _signed(f"CA {subject}", subject, by, extensions, days=dice.choice([2_000, 2_000, 3_000, -1]))


def _signed(name: str, subject: int, by: int, extensions: Sequence[x509.ExtensionType], days: int) -> x509.Certificate:
    key = _key(by)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(f"CA {by}"))
    builder = builder.public_key(_key(subject).public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=5)).not_valid_after(NOW + timedelta(days=days))
    for extension in {extension.oid: extension for extension in extensions}.values():
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())


def _signed_after_damage(certificate: x509.Certificate, by: int, dice: random.Random) -> x509.Certificate:
    """Return what a CA would sign that writes other DER; *certificate* itself where no library reads that."""
    content = bytearray(certificate.tbs_certificate_bytes)
    for _ in range(dice.randint(1, 3)):
        content[dice.randrange(4, min(len(content), 400))] = dice.randrange(256)
    signature = cast("ec.EllipticCurvePrivateKey", _key(by)).sign(bytes(content), ec.ECDSA(SHA256()))
    der = _der(0x30, bytes(content) + _ECDSA_WITH_SHA256 + _der(0x03, b"\0" + signature))
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        return certificate


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1)
    return bytes([tag, *([0x80 | len(length)] if size > 0x7F else []), *length]) + content


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _junk(dice: random.Random) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(dice.choice(_PARSED)), dice.randbytes(dice.randint(0, 9)))


# ---- Text -----------------------------------------------------------------------------------------------------------


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _text(delivered: Sequence[x509.Certificate], dice: random.Random) -> tuple[str, bool]:
    """Return the delivery as PEM in any order, and whether it is as it was."""
    text = "".join(map(_pem, dice.sample(delivered, len(delivered))))
    if dice.random() < 0.5:
        return text, True
    if dice.random() < 0.1:
        return (text * min(dice.choice([3, 300]), MOST_BYTES // len(text) + 1))[:MOST_BYTES], False
    return dice.choice(CORRUPTIONS)(text.encode(), dice).decode("latin-1"), False
