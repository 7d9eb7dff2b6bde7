"""A throw-away CA for the server's own TLS, apart from the CA that SCM's certificates come from."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=30)
_CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SCM simulator TLS (worthless)")])
_HOSTS = [
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
]


class TlsAuthority:
    """One CA, one certificate for localhost and 127.0.0.1, keys in memory."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.ca = _with_ca_extensions(_builder(_CA_NAME, key.public_key()), key).sign(key, hashes.SHA256())
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        builder = _with_leaf_extensions(_builder(name, self.key.public_key()), key)
        self.certificate = builder.sign(key, hashes.SHA256())

    @property
    def ca_pem(self) -> str:
        """The CA to trust, as PEM."""
        return self.ca.public_bytes(Encoding.PEM).decode()

    def context(self) -> ssl.SSLContext:
        """Return a server's context with the certificate; the key is in a file for a moment only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            pair.write(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            pair.write(self.certificate.public_bytes(Encoding.PEM))
            pair.flush()
            context.load_cert_chain(pair.name)
        return context


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(_CA_NAME).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _LIFE)


def _with_ca_extensions(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    usage = _usage(ca=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(usage, critical=True).add_extension(identifier, critical=False)


def _with_leaf_extensions(
    builder: x509.CertificateBuilder, ca_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True).add_extension(identifier, critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.add_extension(x509.SubjectAlternativeName(_HOSTS), critical=False)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        key_encipherment=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
