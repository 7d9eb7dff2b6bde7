"""The chain of an issued certificate: found in what SCM delivered, and verified to a trusted root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.certificate.facts import Certificate, library_errors_as
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.errors import CertificateMismatch, ChainBroken, shortened

MOST_CERTIFICATES = 10
Path = tuple[Certificate, ...]
"""The leaf's issuer, the issuer of that, and so on."""


@dataclass(frozen=True, slots=True)
class TrustedRoots:
    """Where a chain may end."""

    public: tuple[x509.Certificate, ...]
    private: frozenset[str] = frozenset()
    """SHA-256 fingerprints, upper-case hexadecimal, of CA certificates that SCM delivers with the leaf."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf and the issuers that lead from it towards a root, which is left out unless it issued the leaf itself.

    Then ACM needs it as the chain (AWS: acm/latest/userguide/import-certificate-prerequisites.html), and a server that
    sends it does no harm (RFC 8446 §4.4.2).
    """

    leaf: Certificate
    issuers: tuple[Certificate, ...]

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


@dataclass(frozen=True, slots=True)
class Delivery:
    """What SCM delivered for an order: its certificate, and other certificates of which some are its issuers."""

    leaf: Certificate
    others: tuple[Certificate, ...]

    @classmethod
    def parse(cls, pem: str, public_key: bytes) -> Self:
        """Read PEM certificates in any order, with any line ends; *public_key* (DER) is that of the order.

        SCM delivers root first, leaf first, or unsorted, by format and release (SCM reference §5.10), so the leaf is
        found by its key. Raises CertificateMismatch when no certificate has our key, CertificateUnusable when that
        certificate cannot be read, and ChainBroken when the text is no list of at most 10 certificates.
        """
        certificates = _parse(pem)
        leaf = next((certificate for certificate in certificates if certificate.has_key(public_key)), None)
        if leaf is None:
            msg = f"none of the {len(certificates)} certificates that SCM delivered has the public key of this order"
            raise CertificateMismatch(msg)
        leaf.require_readable()
        return cls(leaf, tuple(certificate for certificate in dict.fromkeys(certificates) if certificate != leaf))

    def chain(self, form: ChainForm, roots: TrustedRoots, now: datetime) -> Chain:
        """Return the chain of the wanted *form* that ends in one of *roots*, the same for any order of the delivery.

        Of chains of one length the one that is valid longest; the fingerprints decide the rest. A certificate that
        begins after *now* is verified for the time when it begins. Raises ChainBroken when no client would trust it.
        """
        at = max(now, self.leaf.not_before)
        with library_errors_as(ChainBroken, "the chain that SCM delivered cannot be read"):
            return Chain(self.leaf, self._first_trusted(_sorted(_paths(self.leaf, self.others, at), form), roots, at))

    def _first_trusted(self, paths: Sequence[Path], roots: TrustedRoots, at: datetime) -> Path:
        if not paths:
            msg = (
                f"the issuer of the certificate ({self.leaf.issuer}) was not delivered with it, did not sign it, or is "
                "not valid now"
            )
            raise ChainBroken(msg)
        private = [other.x509 for other in self.others if other.fingerprint() in roots.private]
        verifier = _Verifier(self.leaf, [*roots.public, *private], at)
        for path in paths:
            if verifier.accepts(path):
                return path
        msg = (
            f"no chain leads from the certificate with serial {printed_serial(self.leaf.serial)} (issuer "
            f"{self.leaf.issuer}) to a trusted root: {verifier.refusal}"
        )
        raise ChainBroken(msg)


def leaf_serial(pem: str) -> str:
    """Return the serial of the first certificate in *pem*; empty when there is none, or it cannot be read."""
    with suppress(ChainBroken):
        return Chain.parse(pem).leaf.serial if pem else ""
    return ""


def _parse(pem: str) -> list[Certificate]:
    if pem.count("-----BEGIN") > MOST_CERTIFICATES:
        msg = f"SCM delivered more than {MOST_CERTIFICATES} certificates with the leaf; no public chain is as long"
        raise ChainBroken(msg)
    text = pem.replace("\r\n", "\n").replace("\r", "\n").strip().replace("-----BEGIN", "\n-----BEGIN")
    with library_errors_as(ChainBroken, "the text that SCM delivered is not a list of PEM certificates"):
        return [Certificate(loaded) for loaded in x509.load_pem_x509_certificates(text.encode("ascii"))]


# ---- Paths: at most 27 of ten certificates, because a signature is valid under one key only ------------------------


def _paths(below: Certificate, candidates: Sequence[Certificate], at: datetime, passed: Path = ()) -> Iterator[Path]:
    """Yield every path of issuers that are valid at *at*.

    None has two certificates of one subject and key (RFC 4158 §5.2), and none has a root, unless it issued the leaf.
    """
    keys = {(issuer.x509.subject, issuer.public_key) for issuer in passed}
    issuers = [
        candidate
        for candidate in candidates
        if below.is_issued_by(candidate)
        and candidate.not_before <= at <= candidate.not_after
        and (candidate.x509.subject, candidate.public_key) not in keys
    ]
    if not issuers and passed:
        yield passed
    for issuer in issuers:
        if issuer.is_self_signed:
            yield passed or (issuer,)
        else:
            yield from _paths(issuer, candidates, at, (*passed, issuer))


def _sorted(paths: Iterable[Path], form: ChainForm) -> list[Path]:
    """Return *paths* with the best first; SHORT also considers where each could end earlier."""
    is_short = form is ChainForm.SHORT
    if is_short:
        paths = [path[:length] for path in paths for length in range(1, len(path) + 1)]

    def rank(path: Path) -> tuple[int, float, list[str]]:
        expires = min(issuer.not_after for issuer in path)
        intermediates = sum(not issuer.is_self_signed for issuer in path)
        fingerprints = [issuer.fingerprint() for issuer in path]
        return intermediates if is_short else -intermediates, -expires.timestamp(), fingerprints

    return sorted(set(paths), key=rank)


# ---- Trust: what every client requires of a chain, and not the form that the Baseline Requirements demand of a CA ----


class _Verifier:
    """Validates paths from one leaf (RFC 5280 §6) at one time. refusal: why the first path that failed is refused."""

    def __init__(self, leaf: Certificate, anchors: list[x509.Certificate], at: datetime) -> None:
        self.refusal = ""
        self._leaf = leaf.x509
        builder = PolicyBuilder().store(Store(anchors)).time(at)
        builder = builder.extension_policies(ca_policy=_of_issuers(), ee_policy=_of_leaves())
        name = next(iter(leaf.names), "")
        self._verifier = builder.build_server_verifier(x509.DNSName(name.replace("*", "wildcard")))

    def accepts(self, path: Path) -> bool:
        try:
            self._verifier.verify(self._leaf, [issuer.x509 for issuer in path])
        except VerificationError as error:
            self.refusal = self.refusal or shortened(str(error), 200)
            return False
        return True


def _of_leaves() -> ExtensionPolicy:
    # Purpose and names are compared with the order (`acceptance.check`).
    return ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _of_issuers() -> ExtensionPolicy:
    policy = ExtensionPolicy.permit_all()
    policy = policy.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _require_authority)
    policy = policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _require_signing)
    return policy.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _require_servers)


def _require_authority(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        msg = "an issuer is not a CA (basic constraints)"
        raise ValueError(msg)


def _require_signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        msg = "an issuer may not sign certificates (key usage)"
        raise ValueError(msg)


def _require_servers(_policy: Policy, _certificate: x509.Certificate, usages: x509.ExtendedKeyUsage | None) -> None:
    permitted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usages is not None and not permitted & set(usages):
        msg = "an issuer is not for servers' certificates (extended key usage)"
        raise ValueError(msg)
