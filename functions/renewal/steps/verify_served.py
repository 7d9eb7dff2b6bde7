"""The step after the renewals of a run: whether clients meet the certificates where they are declared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from renewal.deadline import Deadline
from renewal.domain.certificate.chain import TrustedRoots
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceState
from renewal.domain.order import ManagedCertificate
from renewal.domain.request import RunRequest
from renewal.domain.service.comparison import Contact, Expected, compare, compare_reported
from renewal.domain.service.state import current_service, not_served, service_after, service_state, to_announce
from renewal.endpoint_ports import EndpointProber, HostReports, ServiceAnnouncer, ServiceRecorder
from renewal.ports import Clock, OrderReader

Contacts = Mapping[Endpoint, tuple[Contact, ...]]


@dataclass(frozen=True, slots=True)
class VerifyServed:
    """Contacts the declared endpoints, records what they presented, and publishes changes. Reads no key."""

    book: OrderReader
    recorder: ServiceRecorder
    prober: EndpointProber
    reports: HostReports
    announcer: ServiceAnnouncer
    roots: TrustedRoots
    clock: Clock
    deadline: Deadline
    """By when the last endpoint has been contacted."""

    def __call__(self, document: object) -> dict[str, Any]:
        """Verify for the execution input *document*; return `{"verified", "late", "metrics"}`: numbers.

        A daily run verifies every certificate with `served_at`; any other run those that are not served, and a dry
        run none. Those that were not contacted in time (`late`) are the first of the next run.
        """
        request = RunRequest.parse(document)
        chosen = [] if request.dry_run else list(self._chosen(everything=request.is_for_everything))
        endpoints = {each for certificate in chosen for each in certificate.spec.served_at if each.host}
        contacts = self.prober.contacts(endpoints, self.deadline) if endpoints else {}
        pairs = [(each, self._verified(each, contacts)) for each in chosen if _is_contacted(each, contacts)]
        return {"verified": len(pairs), "late": len(chosen) - len(pairs), "metrics": _metrics(pairs)}

    def _chosen(self, *, everything: bool) -> Iterator[ManagedCertificate]:
        """Yield certificates with endpoints, which the index has as waiting; the least recently verified first."""
        declared = (
            certificate
            for certificate in self.book.load(self.book.waiting(self.clock()))
            if certificate.spec.served_at and certificate.served
        )
        for certificate in sorted(declared, key=_observed_at):
            if everything or service_state(certificate) is not ServiceState.SERVED:
                yield certificate

    def _verified(self, certificate: ManagedCertificate, contacts: Contacts) -> ManagedCertificate:
        """Record what was presented; return the certificate with it."""
        now = self.clock()
        record = service_after(certificate, self._observations(certificate, contacts, now), now)
        if state := to_announce(certificate, record):
            self.announcer.serviced(certificate, record, state)
            record = replace(record, announced=state)
        self.recorder.record_service(certificate.spec.record_key, record)
        return replace(certificate, service=record)

    def _observations(
        self, certificate: ManagedCertificate, contacts: Contacts, now: datetime
    ) -> Iterator[Observation]:
        expected = Expected.of(certificate, lambda: self._former_serials(certificate))
        for endpoint in certificate.spec.served_at:
            if endpoint.reported_by:
                report = self.reports.report(certificate.spec.delegation, endpoint.reported_by)
                found = compare_reported(report, certificate.spec.name, expected, now)
                yield Observation(str(endpoint), found.state, now, text=found.text, serial=found.serial)
            for contact in contacts.get(endpoint, ()):
                found = compare(contact, endpoint.host, expected, self.roots, now)
                yield Observation(str(endpoint), found.state, now, contact.address, found.text, found.serial)

    def _former_serials(self, certificate: ManagedCertificate) -> Collection[str]:
        rows = self.book.history(*certificate.spec.record_key)
        return {serial for row in rows for serial in (row.serial, row.previous_serial)} - {""}


def _observed_at(certificate: ManagedCertificate) -> tuple[bool, float]:
    record = certificate.service
    return record is not None, record.observed_at.timestamp() if record else 0.0


def _is_contacted(certificate: ManagedCertificate, contacts: Contacts) -> bool:
    return all(endpoint in contacts for endpoint in certificate.spec.served_at if endpoint.host)


def _metrics(pairs: Sequence[tuple[ManagedCertificate, ManagedCertificate]]) -> dict[str, float]:
    """The metrics of certificates before and after; without `HoursToServed` when none is served since this run."""
    after = [certificate for _, certificate in pairs]
    observations = [each for certificate in after if certificate.service for each in certificate.service.observations]
    first = [hours for before, later in pairs if _hours(before) is None and (hours := _hours(later)) is not None]
    return {
        "EndpointsNotServed": sum(each.state is not EndpointState.SERVED for each in observations),
        "CertificatesNotServed": sum(not_served(certificate) is not None for certificate in after),
        **({"HoursToServed": max(first)} if first else {}),
    }


def _hours(certificate: ManagedCertificate) -> float | None:
    record = current_service(certificate)
    return record.hours if record else None
