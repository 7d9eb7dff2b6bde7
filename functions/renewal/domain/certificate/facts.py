"""The facts of one certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from renewal.domain.certificate.key_usages import KEY_USAGES
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.errors import CertificateBeginsLater, CertificateUnusable, RenewalError, shortened
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import key_type_of, public_key_bytes

Extension = TypeVar("Extension", bound=x509.ExtensionType)
LIBRARY_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for a certificate that it cannot read, most of it only when a part is used."""


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
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return public_key_bytes(self.x509.public_key())

    @property
    def key_fingerprint(self) -> str:
        """SHA-256 of the public key (`public_key`), upper-case hexadecimal."""
        return hashlib.sha256(self.public_key).hexdigest().upper()

    @property
    def key_type(self) -> KeyType | None:
        """None when it is a type that certmandate does not order."""
        return key_type_of(self.x509.public_key())

    @property
    def names(self) -> tuple[str, ...]:
        """DNS names of the subjectAltName extension, lower case; common names are ignored (RFC 9525 §2)."""
        names = self._extension(x509.SubjectAlternativeName)
        return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName)) if names else ()

    @property
    def common_names(self) -> tuple[str, ...]:
        """Common names of the subject, lower case."""
        return tuple(str(name.value).lower() for name in self.x509.subject.get_attributes_for_oid(NameOID.COMMON_NAME))

    @property
    def extended_key_usages(self) -> frozenset[str]:
        """Dotted object identifiers; empty when the extension is absent."""
        return frozenset(usage.dotted_string for usage in self._extension(x509.ExtendedKeyUsage) or ())

    @property
    def is_for_servers(self) -> bool:
        """Whether clients accept it from a server: the extended key usage permits that, or is absent."""
        usages = self.extended_key_usages
        permitted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
        return not usages or not usages.isdisjoint(usage.dotted_string for usage in permitted)

    @property
    def is_for_clients(self) -> bool:
        """Whether the extended key usage has clientAuth."""
        return ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string in self.extended_key_usages

    @property
    def is_authority(self) -> bool:
        """Whether it may issue certificates (RFC 5280 §4.2.1.9)."""
        constraints = self._extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    @property
    def key_usages(self) -> frozenset[str]:
        """The bits of the keyUsage extension in ACM's names (RFC 5280 §4.2.1.3); empty when it is absent."""
        usage = self._extension(x509.KeyUsage)
        return frozenset(acm_name for name, acm_name in KEY_USAGES.items() if usage and getattr(usage, name))

    def _extension(self, kind: type[Extension]) -> Extension | None:
        try:
            return self.x509.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    @property
    def is_self_signed(self) -> bool:
        """Whether it is a root: issued by itself."""
        return self.x509.issuer == self.x509.subject and self.is_issued_by(self)

    def require_readable(self) -> None:
        """Raise CertificateUnusable when a fact cannot be read: one extension that is not DER hides all of them."""
        text = f"the certificate with serial {printed_serial(self.serial)} is not valid DER"
        with library_errors_as(CertificateUnusable, text):
            _ = self.not_before, self.not_after, self.issuer, self.common_names, self.key_type, self.x509.extensions

    def require_begun(self, now: datetime) -> None:
        """Raise CertificateBeginsLater before it is valid: clients would refuse it."""
        if now < self.not_before:
            msg = (
                f"the certificate with serial {printed_serial(self.serial)} is issued and valid from "
                f"{self.not_before:%Y-%m-%d %H:%M:%S}Z; it is stored then"
            )
            raise CertificateBeginsLater(msg)

    def has_key(self, public_key: bytes) -> bool:
        """Return whether this certificate is for *public_key* (SubjectPublicKeyInfo DER); an unreadable key is not."""
        try:
            return self.public_key == public_key
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


@contextmanager
def library_errors_as(error: type[RenewalError], what: str) -> Iterator[None]:
    """Raise *error* for what cryptography raises when it cannot read a certificate; *what* begins the text."""
    try:
        yield
    except LIBRARY_ERRORS as cause:
        msg = f"{what}: {shortened(str(cause), 200)}"
        raise error(msg) from cause
