"""A throw-away certification authority: real keys and real X.509, new at each start, never trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

ORGANISATION = "SCM simulator (worthless)"
LONGEST_COMMON_NAME = 64
_BACKDATING = timedelta(days=3650)
"""A CA's validity begins this long before the start, so that certificates can be back-dated."""
_OV_POLICY = x509.ObjectIdentifier("2.23.140.1.2.2")


@dataclass(frozen=True)
class LeafPlan:
    """The content of a leaf certificate; names with the common name first."""

    public_key: PublicKey
    names: Sequence[str]
    not_before: datetime
    not_after: datetime
    organisation: str
    country: str = "FR"
    server_auth: bool = True
    client_auth: bool = False


@dataclass(frozen=True)
class Issuer:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: PrivateKey


class CertificateAuthority:
    """Two hierarchies of root and intermediate, RSA and EC, and a legacy root that cross-signs both."""

    def __init__(self, now: datetime, random: Random) -> None:
        self._now = now.replace(microsecond=0)
        self._random = random
        self._serials: set[int] = set()
        self._issuers: dict[int, tuple[Issuer, Issuer]] = {}
        """By the leaf's serial: the root and the intermediate that issued it."""
        self._newest: dict[str, Issuer] = {}
        """By kind of root: the intermediate that issues since the last change, once it has."""
        self._changes = 0

    @cached_property
    def rsa(self) -> tuple[Issuer, Issuer]:
        """Root and intermediate for RSA leaves."""
        return self._hierarchy("RSA", iter(_rsa_keys()).__next__)

    @cached_property
    def ec(self) -> tuple[Issuer, Issuer]:
        """Root and intermediate for EC leaves."""
        return self._hierarchy("EC", lambda: ec.generate_private_key(ec.SECP384R1()))

    @cached_property
    def legacy(self) -> Issuer:
        """An older root, at the end of a cross-signed chain."""
        return self._root("Legacy Root", ec.generate_private_key(ec.SECP256R1()))

    @cached_property
    def unrelated(self) -> tuple[Issuer, Issuer]:
        """A hierarchy that issues nothing: another certificate's chain."""
        return self._hierarchy("Other", lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def root_pem(self) -> str:
        """The roots as PEM: of RSA and EC leaves, and the legacy one."""
        roots = self.rsa[0], self.ec[0], self.legacy
        return "".join(root.certificate.public_bytes(Encoding.PEM).decode() for root in roots)

    def issue(self, plan: LeafPlan) -> x509.Certificate:
        """Return a certificate for *plan*, from the hierarchy with its key algorithm."""
        root, issuer = self._issuing(plan.public_key)
        builder = self._builder(_subject(plan), plan.public_key, issuer.certificate.subject)
        builder = builder.not_valid_before(plan.not_before).not_valid_after(plan.not_after)
        for extension, critical in _leaf_extensions(plan):
            builder = builder.add_extension(extension, critical)
        leaf = _signed(builder, issuer)
        self._issuers[leaf.serial_number] = root, issuer
        return leaf

    def change_intermediates(self) -> None:
        """Issue from new intermediates under the same roots from now on."""
        self._changes, self._newest = self._changes + 1, {}

    def issuers_of(self, leaf: x509.Certificate) -> tuple[x509.Certificate, x509.Certificate]:
        """Return intermediate and root of *leaf*."""
        root, intermediate = self._issuers[leaf.serial_number]
        return intermediate.certificate, root.certificate

    def unrelated_issuers(self) -> tuple[x509.Certificate, x509.Certificate]:
        """Return intermediate and root of another hierarchy."""
        root, intermediate = self.unrelated
        return intermediate.certificate, root.certificate

    def cross_signed(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Return intermediate, the root cross-signed by the legacy root, and the legacy root."""
        intermediate, root = self.issuers_of(leaf)
        builder = self._ca_builder(root.subject, root.public_key(), self.legacy.certificate.subject)
        return intermediate, _signed(builder, self.legacy), self.legacy.certificate

    def _issuing(self, key: object) -> tuple[Issuer, Issuer]:
        """Return the root for leaves with *key*, and the intermediate that issues now."""
        kind, (root, first) = ("EC", self.ec) if isinstance(key, ec.EllipticCurvePublicKey) else ("RSA", self.rsa)
        if not self._changes:
            return root, first
        if kind not in self._newest:
            new_key = ec.generate_private_key(ec.SECP384R1()) if kind == "EC" else rsa.generate_private_key(65537, 2048)
            self._newest[kind] = self._intermediate(f"{kind} Intermediate {self._changes + 1}", root, new_key)
        return root, self._newest[kind]

    def _hierarchy(self, kind: str, new_key: Callable[[], PrivateKey]) -> tuple[Issuer, Issuer]:
        root = self._root(f"{kind} Root", new_key())
        return root, self._intermediate(f"{kind} Intermediate", root, new_key())

    def _intermediate(self, name: str, root: Issuer, key: PrivateKey) -> Issuer:
        builder = self._ca_builder(_ca_name(name), key.public_key(), root.certificate.subject)
        return Issuer(_signed(builder, root), key)

    def _root(self, name: str, key: PrivateKey) -> Issuer:
        subject = _ca_name(name)
        builder = self._ca_builder(subject, key.public_key(), subject)
        return Issuer(builder.sign(key, _digest(key)), key)

    def _ca_builder(self, subject: x509.Name, key: object, issuer: x509.Name) -> x509.CertificateBuilder:
        assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)  # noqa: S101  # for the type checker
        builder = self._builder(subject, key, issuer)
        builder = builder.not_valid_before(self._now - _BACKDATING).not_valid_after(self._now + 2 * _BACKDATING)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.add_extension(_usage(ca=True), critical=True)

    def _builder(self, subject: x509.Name, key: PublicKey, issuer: x509.Name) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)
        return builder.serial_number(self._serial()).add_extension(identifier, critical=False)

    def _serial(self) -> int:
        """Return a new positive number of at most 127 bits; its first hex digits may be zeros."""
        serial = 0
        while serial in self._serials or serial < 1:
            serial = self._random.getrandbits(127)
        self._serials.add(serial)
        return serial


@cache
def _rsa_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    """Return the keys of every RSA hierarchy of this process; generating a key takes 100 ms."""
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


def _ca_name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Simulated {name}"),
        ]
    )


def _subject(plan: LeafPlan) -> x509.Name:
    """Return country, organisation and, where it fits (RFC 5280: 64 characters), the common name."""
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, plan.country),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, plan.organisation[:LONGEST_COMMON_NAME]),
    ]
    if len(plan.names[0]) <= LONGEST_COMMON_NAME:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, plan.names[0]))
    return x509.Name(parts)


def _leaf_extensions(plan: LeafPlan) -> list[tuple[x509.ExtensionType, bool]]:
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if plan.server_auth else []
    purposes += [ExtendedKeyUsageOID.CLIENT_AUTH] if plan.client_auth or not plan.server_auth else []
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(ca=False, enciphers=isinstance(plan.public_key, rsa.RSAPublicKey)), True),
        (x509.ExtendedKeyUsage(purposes), False),
        (x509.SubjectAlternativeName([x509.DNSName(name) for name in plan.names]), False),
        (x509.CertificatePolicies([x509.PolicyInformation(_OV_POLICY, None)]), False),
    ]


def _usage(*, ca: bool, enciphers: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=enciphers,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, issuer: Issuer) -> x509.Certificate:
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return builder.add_extension(authority, critical=False).sign(issuer.key, _digest(issuer.key))


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """Return the digest for the issuer's key (BR 7.1.3.2: SHA-384 with P-384)."""
    strong = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1)
    return hashes.SHA384() if strong else hashes.SHA256()
