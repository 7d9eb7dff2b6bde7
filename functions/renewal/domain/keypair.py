"""A key pair: made for one order, never used for a second one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from renewal.domain.errors import RecordUnreadable
from renewal.domain.key_type import KeyType
from renewal.domain.names import common_name

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def key_type_of(key: object) -> KeyType | None:
    """Return the type of a public or private *key*, None for a type that is not ordered."""
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        value = f"RSA-{key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        value = {"secp256r1": "P-256", "secp384r1": "P-384"}.get(key.curve.name, "")
    else:
        return None
    return next((kind for kind in KeyType if kind.value == value), None)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and what is made from it. Its repr shows the type only."""

    key_type: KeyType
    private_key: PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, key_type: KeyType) -> Self:
        """Make a new private key from the operating system's randomness."""
        if key_type.algorithm == "RSA":
            return cls(key_type, rsa.generate_private_key(public_exponent=65537, key_size=int(key_type.size)))
        curve = ec.SECP256R1() if key_type is KeyType.P_256 else ec.SECP384R1()
        return cls(key_type, ec.generate_private_key(curve))

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Read an unencrypted PKCS#8 DER key. Raises ValueError, whose text has nothing of the key."""
        try:
            key = serialization.load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            msg = "not an unencrypted PKCS#8 private key"
            raise ValueError(msg) from error
        key_type = key_type_of(key)
        if key_type is None:
            msg = "a private key of a type that is not ordered"
            raise ValueError(msg)
        return cls(key_type, cast("PrivateKey", key))

    def der(self) -> bytes:
        """Return the key as unencrypted PKCS#8 DER, 0.1 to 2.4 KB: the form that is sealed."""
        return self._bytes(serialization.Encoding.DER)

    def pem(self) -> bytes:
        """Return the key as unencrypted PKCS#8 PEM: the form that servers and ACM read."""
        return self._bytes(serialization.Encoding.PEM)

    def _bytes(self, encoding: serialization.Encoding) -> bytes:
        return self.private_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def signing_request(self, names: Sequence[str]) -> str:
        """Return a PEM certificate signing request for *names* (A-labels; the first that fits is the common name).

        SCM reads the names from its own fields, not from the request's extension (SCM reference §5.4); they are in
        both, so that the request alone shows which names are requested.
        """
        first = common_name(names)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, first)] if first else [])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        wanted = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(wanted, critical=False)
        digest = hashes.SHA384() if self.key_type is KeyType.P_384 else hashes.SHA256()
        return builder.sign(self.private_key, digest).public_bytes(serialization.Encoding.PEM).decode("ascii")


def public_key_bytes(key: object) -> bytes:
    """Return a public key as SubjectPublicKeyInfo DER, the form in which two keys are compared."""
    return cast("PublicKey", key).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def requested_key(csr: str) -> bytes:
    """Return the public key of a PEM signing request as SubjectPublicKeyInfo DER.

    Raises RecordUnreadable: the request is one of ours, in the item of the open order.
    """
    try:
        return public_key_bytes(x509.load_pem_x509_csr(csr.encode("ascii")).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = "the signing request of the open order cannot be read. Was the item edited?"
        raise RecordUnreadable(msg) from error


def requested_key_fingerprint(csr: str) -> str:
    """Return the SHA-256 of `requested_key`, upper-case hexadecimal; empty when the request cannot be read."""
    try:
        return hashlib.sha256(requested_key(csr)).hexdigest().upper()
    except RecordUnreadable:
        return ""
