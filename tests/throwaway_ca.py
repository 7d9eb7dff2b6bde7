"""A certificate authority of one test run: a root, intermediates of both algorithms, awkward twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from renewal.domain.certificate.chain import TrustedRoots
from renewal.domain.keypair import PrivateKey, PublicKey

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
FOUNDED = datetime(2020, 1, 1, tzinfo=UTC)
CLOSES = datetime(2045, 1, 1, tzinfo=UTC)


def pem(*certificates: x509.Certificate) -> str:
    """The certificates as PEM, one after the other."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Something that signs: a certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    def issue(
        self,
        public_key: PublicKey,
        names: Sequence[str],
        *,
        not_before: datetime,
        days: float,
        usages: Sequence[x509.ObjectIdentifier] = SERVER,
        others: Sequence[x509.ExtensionType] = (),
    ) -> x509.Certificate:
        """Certify *public_key* for *names*; no usages = no such extension; *others*: further extensions."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])] if names else [])
        builder = _builder(subject, self.certificate.subject, public_key, not_before, not_before + timedelta(days=days))
        if names:
            san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(san, critical=not len(subject.rdns))
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        for other in others:
            builder = builder.add_extension(other, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def certify(self, name: str, key: PrivateKey, *, closes: datetime = CLOSES) -> Issuer:
        """A certificate authority below this one."""
        builder = _builder(_named(name), self.certificate.subject, key.public_key(), FOUNDED, closes)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return Issuer(builder.sign(self.key, hashes.SHA256()), key)


def root(name: str, key: PrivateKey) -> Issuer:
    """A self-signed certificate authority."""
    builder = _builder(_named(name), _named(name), key.public_key(), FOUNDED, CLOSES)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Issuer(builder.sign(key, hashes.SHA256()), key)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Root, cross-signed twin of the root, and one intermediate for each algorithm."""

    root: Issuer
    old_root: Issuer
    cross_signed_root: Issuer
    """The root's name and key, signed by the old root: what bundles carry for very old clients."""
    ec: Issuer
    rsa: Issuer

    def issuer_for(self, public_key: object) -> Issuer:
        """The intermediate with the algorithm of *public_key*."""
        return self.rsa if isinstance(public_key, rsa.RSAPublicKey) else self.ec


@cache
def hierarchy() -> Hierarchy:
    """The one of this test run: keys are made once, because RSA keys take their time."""
    new = root("Throw-Away Root", ec.generate_private_key(ec.SECP256R1()))
    old = root("Throw-Away Old Root", ec.generate_private_key(ec.SECP256R1()))
    return Hierarchy(
        root=new,
        old_root=old,
        cross_signed_root=old.certify("Throw-Away Root", new.key),
        ec=new.certify("Throw-Away EC CA", ec.generate_private_key(ec.SECP256R1())),
        rsa=new.certify("Throw-Away RSA CA", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    )


def trusted_roots() -> TrustedRoots:
    """Its root, as a public one."""
    return TrustedRoots((hierarchy().root.certificate,))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
