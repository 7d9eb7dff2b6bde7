"""The stores, and where others learn of what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import RenewalError
from renewal.domain.order import ManagedCertificate, Order, StoredCertificate

if TYPE_CHECKING:
    from renewal.domain.certificate.chain import Chain
    from renewal.domain.keypair import KeyPair


@dataclass(frozen=True, slots=True)
class CertificateWithKey:
    """A verified certificate with its key, on its way into the stores; *replaces*: serial of what is stored now."""

    spec: CertificateSpec
    chain: Chain
    key: KeyPair = field(repr=False)
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class ArnUse:
    """What ACM shows of a certificate that is in use."""

    by: tuple[str, ...]
    """ARNs of load balancers, distributions …; at least one."""
    expires: date | None


class AcmStore(Protocol):
    """ACM in any region."""

    def refusal(self, certificate: ManagedCertificate, region: str) -> RenewalError | None:
        """Return why the region would not take a new certificate, or why that is not known; None when it would."""

    def find(self, pair: CertificateWithKey, region: str) -> str | None:
        """Return the ARN under which an earlier attempt has imported the certificate; None when ACM lists none."""

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Import into *arn* (None = a new one) and return the ARN."""


class StoredInAcm(Protocol):
    """What ACM has, in any region."""

    def stored_serial(self, region: str, arn: str) -> str:
        """Return the serial under *arn*; empty when there is no such certificate."""

    def use(self, region: str, arn: str) -> ArnUse | None:
        """Return what uses the certificate under *arn*; None when nothing does, or there is no such certificate."""


class StoredObjects(Protocol):
    """What the objects of a certificate are."""

    def stored_serial(self, delegation: str, certificate: str) -> str:
        """Return the serial that `current.json` leads to, or what is wrong with it; empty when there is none."""


class ObjectStore(Protocol):
    """Certificates as objects."""

    def put(self, pair: CertificateWithKey) -> str:
        """Write the four files, then the `current.json` that names them (docs/architecture.md); return its ETag."""

    def erase_replaced_keys(self, delegation: str, certificate: str, serial: str, pointer: str = "") -> None:
        """Erase every private key of the certificate besides that of *serial*, which the store has.

        *pointer*: what `put` has returned; empty = `current.json` is read.
        """


class Announcer(Protocol):
    """Publishes to EventBridge, at least once, which stores have a new certificate."""

    def announce_renewal(self, order: Order, stored: StoredCertificate, previous: StoredCertificate | None) -> None:
        """Publish `Certificate Renewed` with identifiers only."""
