"""The endpoints, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from renewal.deadline import Deadline
from renewal.domain.delegation import CertificatePath
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import HostReport, ServiceRecord, ServiceState
from renewal.domain.order import ManagedCertificate
from renewal.domain.service.comparison import Contact


class EndpointProber(Protocol):
    """Connects to endpoints as a client does."""

    def contacts(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> Mapping[Endpoint, tuple[Contact, ...]]:
        """Contact every address of each of *endpoints*, begun in their order; what the deadline cut is left out."""


class HostReports(Protocol):
    """What hosts report that are not reachable."""

    def report(self, delegation: str, host: str) -> HostReport | None:
        """Return the last report of a host, None when there is none. Raises records.Unreadable, StoreRefused."""


class ServiceRecorder(Protocol):
    """Records what endpoints presented."""

    def record_service(self, path: CertificatePath, record: ServiceRecord) -> None:
        """Replace the certificate's record of its endpoints; nothing when it was removed meanwhile."""


class ServiceAnnouncer(Protocol):
    """Publishes to EventBridge, at least once, whether a certificate is served."""

    def announce_service(self, certificate: ManagedCertificate, record: ServiceRecord, state: ServiceState) -> None:
        """Publish `Certificate Served` or `Certificate Not Served` with identifiers only."""
