"""The step after the renewals of a run: whether clients meet the certificates where they are declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from renewal.deadline import Deadline
from renewal.domain.certificate.chain import TrustedRoots
from renewal.domain.delegation import CertificatePath
from renewal.domain.due import Cause
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState, Observation
from renewal.domain.errors import RenewalError, StoreRefused, shortened
from renewal.domain.order import ManagedCertificate
from renewal.domain.run.payload import VerificationTask
from renewal.domain.run.unforeseen import unforeseen
from renewal.domain.run.verification import Verification
from renewal.domain.service.comparison import Compared, Contact, Expected, compare, compare_reported
from renewal.domain.service.state import (
    awaits_verification,
    current_service,
    expected_certificate,
    not_served,
    service_after,
    to_announce,
)
from renewal.ports.endpoints import EndpointProber, HostReports, ServiceAnnouncer, ServiceRecorder
from renewal.ports.environment import Clock
from renewal.ports.order_book import OrderReader
from renewal.records import Unreadable

Contacts = Mapping[Endpoint, tuple[Contact, ...]]
_Pair = tuple[ManagedCertificate, ManagedCertificate]
_Errors = dict[str, RenewalError]


@dataclass(frozen=True, slots=True)
class VerifyServed:
    """Contacts the declared endpoints of one delegation, and records what they presented. Reads no key."""

    book: OrderReader
    recorder: ServiceRecorder
    prober: EndpointProber
    reports: HostReports
    announcer: ServiceAnnouncer
    roots: TrustedRoots
    clock: Clock
    contacts_end: Deadline
    """By when the last endpoint has been contacted."""
    records_end: Deadline
    """By when the last record is begun."""

    def __call__(self, document: object) -> dict[str, Any]:
        """Verify the certificates of a VerificationTask; return a Verification, both as JSON. Changes are published.

        Those for which the time was too short are the first of the next run. What one certificate meets stops no
        other. Raises it when no certificate was verified.
        """
        task = VerificationTask.parse(document)
        chosen = self._chosen(task)
        pairs: list[_Pair] = []
        errors: _Errors = {}
        self._verify(chosen, pairs, errors)
        if errors and not pairs:
            raise next(iter(errors.values()))
        path, error = next(iter(errors.items()), ("", None))
        return Verification(
            verified=len(pairs),
            late=len(chosen) - len(pairs) - len(errors),
            failed=len(errors),
            failure=shortened(f"{type(error).__name__}: {path}: {error}") if error else "",
            **_counts(pairs),
        ).payload()

    def _verify(self, chosen: Iterable[ManagedCertificate], pairs: list[_Pair], errors: _Errors) -> None:
        """Add the certificates before and after to *pairs*, or to *errors*, until the time is over."""
        endpoints = [each for certificate in chosen for each in certificate.spec.served_at if each.host]
        contacts = self.prober.contacts(tuple(dict.fromkeys(endpoints)), self.contacts_end) if endpoints else {}
        for certificate in chosen:
            if not self.records_end.seconds_left():
                break
            if not _is_contacted(certificate, contacts):
                continue
            try:
                pairs.append((certificate, self._verified(certificate, contacts)))
            except RenewalError as error:
                errors[certificate.spec.path] = error
            except Exception as error:  # noqa: BLE001 - a bug costs the certificate that leads to it
                errors[certificate.spec.path] = unforeseen(error, *certificate.spec.record_key)

    def _chosen(self, task: VerificationTask) -> list[ManagedCertificate]:
        """Return those that are verified now, since a run may have renewed them; the least recently verified first."""
        listing = self.book.load_certificates(CertificatePath(task.delegation, name) for name in task.certificates)
        declared = (each for each in listing if each.spec.served_at and expected_certificate(each))
        chosen = (each for each in declared if task.is_for_everything or awaits_verification(each, self.clock()))
        return sorted(chosen, key=_observed_at)

    def _verified(self, certificate: ManagedCertificate, contacts: Contacts) -> ManagedCertificate:
        """Record what was presented; return the certificate with it."""
        now = self.clock()
        record = service_after(certificate, self._observations(certificate, contacts, now), now)
        if state := to_announce(certificate, record):
            self.announcer.announce_service(certificate, record, state)
            record = replace(record, announced=state)
        self.recorder.record_service(certificate.spec.record_key, record)
        return replace(certificate, service=record)

    def _observations(
        self, certificate: ManagedCertificate, contacts: Contacts, now: datetime
    ) -> Iterator[Observation]:
        expected = Expected.of(certificate, cache(lambda: self._former_serials(certificate)))
        for endpoint in certificate.spec.served_at:
            if endpoint.reported_by:
                yield self._reported(certificate, endpoint.reported_by, expected, now).at(endpoint, now)
            for contact in contacts.get(endpoint, ()):
                compared = compare(contact, endpoint.host, expected, self.roots, now)
                yield compared.at(endpoint, now, contact.address)

    def _reported(self, certificate: ManagedCertificate, host: str, expected: Expected, now: datetime) -> Compared:
        """What one host has written must not hinder others: a report that cannot be read is observed as such."""
        try:
            report = self.reports.report(certificate.spec.delegation, host)
        except (Unreadable, StoreRefused) as error:
            return Compared.of(EndpointState.UNREPORTED, f"its report cannot be read: {error}")
        return compare_reported(report, certificate.spec.name, expected, now)

    def _former_serials(self, certificate: ManagedCertificate) -> Mapping[str, bool]:
        """With whether each is revoked, or is to be at once, because its key is compromised."""
        rows, stored = list(self.book.history(*certificate.spec.record_key)), certificate.stored
        serials = {serial for row in rows for serial in (row.serial, row.previous_serial)}
        revoked = self._shown_as_revoked(certificate.spec.delegation)
        revoked |= {row.previous_serial for row in rows if Cause.REVOKED in row.causes}
        revoked |= {request.serial for request in certificate.revocations if request.is_urgent}
        return {serial: serial in revoked for serial in {*serials, stored.serial if stored else ""} - {""}}

    def _shown_as_revoked(self, delegation: str) -> set[str]:
        records = self.book.load_delegations([delegation])
        return {serial for record in records if record.inspection for serial in record.inspection.all_revoked}


def _observed_at(certificate: ManagedCertificate) -> tuple[bool, float]:
    record = certificate.service
    return record is not None, record.observed_at.timestamp() if record else 0.0


def _is_contacted(certificate: ManagedCertificate, contacts: Contacts) -> bool:
    return all(endpoint in contacts for endpoint in certificate.spec.served_at if endpoint.host)


def _counts(pairs: Sequence[_Pair]) -> dict[str, Any]:
    """Members of the Verification of certificates before and after."""
    after = [certificate for _, certificate in pairs]
    observations = [each for certificate in after if certificate.service for each in certificate.service.observations]
    first = [hours for before, later in pairs if _hours(before) is None and (hours := _hours(later)) is not None]
    return {
        "endpoints_not_served": sum(each.state is not EndpointState.SERVED for each in observations),
        "certificates_not_served": sum(not_served(certificate) is not None for certificate in after),
        "hours_to_served": max(first, default=None),
    }


def _hours(certificate: ManagedCertificate) -> float | None:
    record = current_service(certificate)
    return record.hours_to_served if record else None
