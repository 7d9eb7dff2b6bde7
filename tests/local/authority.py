"""A throw-away CA for the tests of ACM's rules."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
NOW = dt.datetime.now(dt.UTC)


@functools.cache
def a_key(kind: str, number: int = 0) -> Key:
    """Make a key once: `P-256`, `P-384` or an RSA size; another number is another key."""
    del number
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    return rsa.generate_private_key(65537, int(kind))


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key, unencrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclass(frozen=True)
class Request:
    """What a certificate is to be like."""

    key: str = "P-256"
    number: int = 0
    name: str = "www.example.org"
    is_ca: bool = False
    usages: tuple[str, ...] = ("digital_signature",)
    extended: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH,)
    not_before: dt.datetime = field(default=NOW - dt.timedelta(days=1))
    days: int = 90


def issue(request: Request, issuer: Issued | None = None) -> Issued:
    """Issue a certificate; self-signed without an issuer."""
    key = a_key(request.key, request.number)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(request.not_before)
        .not_valid_after(request.not_before + dt.timedelta(days=request.days))
        .add_extension(x509.BasicConstraints(ca=request.is_ca, path_length=None), critical=True)
    )
    if not request.is_ca:
        builder = builder.add_extension(key_usage(request.usages), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(request.name)]), critical=False)
        if request.extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(request.extended), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def key_usage(names: tuple[str, ...]) -> x509.KeyUsage:
    """Return the extension with these usages."""
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


@functools.cache
def hierarchy(kind: str) -> tuple[Issued, Issued]:
    """Return an intermediate and its root, both with keys of a kind."""
    root = issue(Request(key=kind, number=100, name=f"{kind} root", is_ca=True, days=3650))
    return issue(Request(key=kind, number=101, name=f"{kind} intermediate", is_ca=True, days=1825), root), root
