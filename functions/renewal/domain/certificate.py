"""An issued certificate: its facts, its chain, and every check before it may be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from renewal.domain.calendar import phase_at
from renewal.domain.errors import (
    CertificateBeginsLater,
    CertificateMismatch,
    CertificateUnusable,
    ChainBroken,
    RenewalError,
    shortened,
)
from renewal.domain.keypair import KeyType, public_key_bytes

ONE_DAY = timedelta(days=1)
MOST_CERTIFICATES = 10
LONGEST_WAIT = timedelta(days=7)
"""How far ahead a certificate may begin: it is waited for. What begins later has a wrong date."""
_LIBRARY_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for a certificate that it cannot read, most of it only when a part is used."""

_KEY_USAGE_BITS = {
    "digital_signature": "DIGITAL_SIGNATURE",
    "content_commitment": "NON_REPUDIATION",
    "key_encipherment": "KEY_ENCIPHERMENT",
    "data_encipherment": "DATA_ENCIPHERMENT",
    "key_agreement": "KEY_AGREEMENT",
    "key_cert_sign": "CERTIFICATE_SIGNING",
    "crl_sign": "CRL_SIGNING",
}
KEY_USAGES = frozenset(_KEY_USAGE_BITS.values())
"""ACM's names of the bits of the keyUsage extension."""


def normalised_serial(text: str) -> str:
    """Return a serial as upper-case hexadecimal without separators or leading zeros (SCM reference §3.6)."""
    return text.replace(":", "").replace(" ", "").upper().lstrip("0") or "0"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of one X.509 certificate that decisions depend on."""

    x509: x509.Certificate

    @property
    def serial(self) -> str:
        """Upper-case hexadecimal, no leading zeros."""
        return f"{self.x509.serial_number:X}"

    @property
    def not_before(self) -> datetime:
        """UTC."""
        return self.x509.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """UTC."""
        return self.x509.not_valid_after_utc

    @property
    def issuer(self) -> str:
        """The issuer's distinguished name (RFC 4514)."""
        return self.x509.issuer.rfc4514_string()

    @property
    def key_type(self) -> KeyType | None:
        """None when it is a type that certmandate does not order."""
        return KeyType.of(self.x509.public_key())

    @property
    def names(self) -> tuple[str, ...]:
        """DNS names of the subjectAltName extension, lower case; common names are ignored (RFC 9525 §2)."""
        try:
            extension = self.x509.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return ()
        return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))

    @property
    def extended_key_usages(self) -> frozenset[str]:
        """Dotted object identifiers; empty when the extension is absent."""
        try:
            extension = self.x509.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except x509.ExtensionNotFound:
            return frozenset()
        return frozenset(usage.dotted_string for usage in extension.value)

    @property
    def is_for_clients(self) -> bool:
        """Whether the extended key usage has clientAuth."""
        return ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string in self.extended_key_usages

    @property
    def is_authority(self) -> bool:
        """Whether it may issue certificates (RFC 5280 §4.2.1.9)."""
        try:
            return self.x509.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            return False

    @property
    def key_usages(self) -> frozenset[str]:
        """The bits of the keyUsage extension in ACM's names (RFC 5280 §4.2.1.3); empty when it is absent."""
        try:
            usage = self.x509.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return frozenset()
        return frozenset(acm_name for name, acm_name in _KEY_USAGE_BITS.items() if getattr(usage, name))

    @property
    def is_self_signed(self) -> bool:
        """Whether it is a root: issued by itself."""
        return self.x509.issuer == self.x509.subject and self.is_issued_by(self)

    def require_readable(self) -> None:
        """Raise CertificateUnusable when a fact cannot be read: one extension that is not DER hides all of them."""
        with _library_errors_as(CertificateUnusable, f"the certificate with serial {self.serial} is not valid DER"):
            _ = self.not_before, self.not_after, self.issuer, self.key_type, self.x509.extensions

    def require_begun(self, now: datetime) -> None:
        """Raise CertificateBeginsLater before it is valid: clients would refuse it."""
        if now < self.not_before:
            msg = (
                f"the certificate with serial {self.serial} is issued and valid from "
                f"{self.not_before:%Y-%m-%d %H:%M:%S} UTC; it is stored then"
            )
            raise CertificateBeginsLater(msg)

    def has_key(self, public_key: bytes) -> bool:
        """Return whether this certificate is for *public_key* (SubjectPublicKeyInfo DER); an unreadable key is not."""
        try:
            return public_key_bytes(self.x509.public_key()) == public_key
        except (ValueError, UnsupportedAlgorithm):
            return False

    def is_issued_by(self, issuer: Certificate) -> bool:
        """Return whether *issuer* signed this certificate: names and signature (RFC 5280 §6.1.3)."""
        try:
            self.x509.verify_directly_issued_by(issuer.x509)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    def fingerprint(self) -> str:
        """SHA-256 of the DER form, upper-case hexadecimal."""
        return self.x509.fingerprint(hashes.SHA256()).hex().upper()

    def pem(self) -> str:
        """PEM with a final newline."""
        return self.x509.public_bytes(serialization.Encoding.PEM).decode("ascii")


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf and the issuers that lead from it towards a root, which is left out unless it issued the leaf itself.

    Then ACM needs it as the chain (AWS: acm/latest/userguide/import-certificate-prerequisites.html), and a server that
    sends it does no harm (RFC 8446 §4.4.2).
    """

    leaf: Certificate
    issuers: tuple[Certificate, ...]

    @classmethod
    def assemble(cls, pem: str, public_key: bytes) -> Self:
        """Build the chain for *public_key* from PEM certificates in any order, with any line ends.

        SCM delivers root first, leaf first, or unsorted, by format and release (SCM reference §5.10): the leaf is found
        by its key and every further certificate by having signed the one before. Raises CertificateMismatch when no
        certificate has our key, CertificateUnusable when that certificate cannot be read, and ChainBroken when the text
        holds no certificate or the leaf's issuer is missing.
        """
        certificates = _parse(pem)
        leaf = next((certificate for certificate in certificates if certificate.has_key(public_key)), None)
        if leaf is None:
            msg = f"none of the {len(certificates)} certificates that SCM delivered has the public key of this order"
            raise CertificateMismatch(msg)
        leaf.require_readable()
        with _library_errors_as(ChainBroken, "an issuer that SCM delivered is not valid DER"):
            return cls(leaf, tuple(_build_path(leaf, certificates)))

    @classmethod
    def parse(cls, pem: str) -> Self:
        """Read back what `pem()` wrote: leaf first."""
        leaf, *issuers = _parse(pem)
        return cls(leaf, tuple(issuers))

    def pem(self) -> str:
        """Leaf first, then the issuers: what certbot calls `fullchain.pem`."""
        return self.leaf.pem() + self.issuers_pem()

    def issuers_pem(self) -> str:
        """The issuers only: what certbot calls `chain.pem`, and ACM `CertificateChain`."""
        return "".join(issuer.pem() for issuer in self.issuers)


def _parse(pem: str) -> list[Certificate]:
    if pem.count("-----BEGIN") > MOST_CERTIFICATES:
        msg = f"SCM delivered more than {MOST_CERTIFICATES} certificates with the leaf; no public chain is as long"
        raise ChainBroken(msg)
    text = pem.replace("\r\n", "\n").replace("\r", "\n").strip().replace("-----BEGIN", "\n-----BEGIN")
    with _library_errors_as(ChainBroken, "the text that SCM delivered is not a list of PEM certificates"):
        return [Certificate(loaded) for loaded in x509.load_pem_x509_certificates(text.encode("ascii"))]


@contextmanager
def _library_errors_as(error: type[RenewalError], what: str) -> Iterator[None]:
    try:
        yield
    except _LIBRARY_ERRORS as cause:
        msg = f"{what}: {shortened(str(cause), 200)}"
        raise error(msg) from cause


def _build_path(leaf: Certificate, certificates: Sequence[Certificate]) -> list[Certificate]:
    issuers: list[Certificate] = []
    current = leaf
    while issuer := _issuer_of(
        current, [found for found in certificates if found is not leaf and found not in issuers]
    ):
        if issuer.is_self_signed:
            return issuers or [issuer]
        issuers.append(issuer)
        current = issuer
    if not issuers:
        msg = f"the issuer of the certificate ({leaf.issuer}) was not delivered with it, or did not sign it"
        raise ChainBroken(msg)
    return issuers


def _issuer_of(certificate: Certificate, candidates: Iterable[Certificate]) -> Certificate | None:
    """Of several issuers with the same name and key, the self-signed one: clients build the shorter path.

    Then the one that expires last; the fingerprint makes the choice independent of the order in the bundle.
    """
    signers = [candidate for candidate in candidates if certificate.is_issued_by(candidate)]
    return max(signers, key=lambda found: (found.is_self_signed, found.not_after, found.fingerprint()), default=None)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an order asked for, to be compared with what SCM delivered."""

    names: tuple[str, ...]
    key_type: KeyType
    term_days: int


def check(chain: Chain, expected: Expectation, now: datetime) -> tuple[str, ...]:
    """Compare *chain* with what was asked for; return notes for the operator (empty = exactly as asked).

    | deviation | outcome |
    | --- | --- |
    | it lacks a name, is not for servers, or is a CA certificate | CertificateMismatch: it must be revoked |
    | it has expired, begins a week ahead or later, or lives longer than clients accept | CertificateUnusable |
    | another lifetime than asked for, or further names (CAs add `www`) | a note |

    Each error has all its faults in one message. `Certificate.require_begun` is for the time until it begins.
    """
    where = f"the certificate with serial {chain.leaf.serial} was not stored"
    if faults := _dangers(chain.leaf, expected):
        msg = f"{where}: {'; '.join(faults)}"
        raise CertificateMismatch(msg)
    if faults := _validity_faults(chain.leaf, expected, now):
        msg = f"{where}: {'; '.join(faults)}"
        raise CertificateUnusable(msg)
    return _notes(chain.leaf, expected)


def _dangers(leaf: Certificate, expected: Expectation) -> list[str]:
    missing = [name for name in expected.names if name not in leaf.names]
    faults = [f"it lacks {', '.join(missing)}"] if missing else []
    if ExtendedKeyUsageOID.SERVER_AUTH.dotted_string not in leaf.extended_key_usages:
        faults.append("it is not for servers (extended key usage serverAuth is missing)")
    if leaf.is_authority:
        faults.append("it is a CA certificate (basic constraints)")
    return faults


def _validity_faults(leaf: Certificate, expected: Expectation, now: datetime) -> list[str]:
    """Clients refuse a public certificate beyond the maximum of its day of issue (BR §6.3.2)."""
    longest = max(phase_at(leaf.not_before).term_days, expected.term_days)
    faults = []
    if leaf.not_before - now > LONGEST_WAIT:
        faults.append(f"it is not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC")
    if now > leaf.not_after:
        faults.append(f"it expired on {leaf.not_after:%Y-%m-%d %H:%M} UTC")
    if leaf.not_after - leaf.not_before > timedelta(days=longest) + ONE_DAY:
        days = (leaf.not_after - leaf.not_before).days
        faults.append(f"its lifetime is {days} days, and clients accept {longest + 1} at most")
    return faults


def _notes(leaf: Certificate, expected: Expectation) -> tuple[str, ...]:
    lifetime = leaf.not_after - leaf.not_before
    notes = []
    if abs(lifetime - timedelta(days=expected.term_days)) > ONE_DAY:
        notes.append(f"its lifetime is {lifetime.days} days; {expected.term_days} were asked for")
    if extra := sorted(set(leaf.names) - set(expected.names)):
        notes.append(f"it also has the names {', '.join(extra)}")
    return tuple(notes)
