"""The dates of an estate as an iCalendar document (RFC 5545), for a calendar that subscribes to it or imports it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import NAMESPACE_URL, uuid5

from certmandate.files.operator_records import Retired
from renewal.domain.forecast import NextRenewal
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.inspection import DelegationRecord

_LONGEST_LINE = 75  # octets without the line break (RFC 5545, section 3.1)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of one day."""

    kind: str
    subject: str
    """The delegation, or `delegation/certificate`; with the kind, it identifies the event in every export."""
    day: date
    summary: str


def events(
    estate: Iterable[tuple[DelegationRecord, Iterable[ManagedCertificate], date | None]], now: datetime
) -> Iterator[Event]:
    """Yield expiries, planned renewals, ends of mandates and dates of passwords; the last member: the next rotation."""
    for record, certificates, rotation in estate:
        yield from _of_delegation(record, rotation)
        for certificate in certificates:
            path = certificate.spec.path
            if stored := certificate.stored:
                yield Event("expiry", path, stored.not_after.astimezone(UTC).date(), f"{path} expires")
            if planned := NextRenewal.of(certificate, record, now).renew_at:
                yield Event("renewal", path, planned.astimezone(UTC).date(), f"{path} is due for renewal")


def removed_events(removed: Iterable[Retired], now: datetime) -> Iterator[Event]:
    """Yield when the certificates of the delegations that `apply --prune` removed expire."""
    for each in removed:
        for left in each.certificates:
            path, day = f"{each.delegation}/{left.certificate}", left.not_after.astimezone(UTC).date()
            if left.not_after > now:
                yield Event("expiry", path, day, f"{path} expires; it was removed, and no run renews it")


def _of_delegation(record: DelegationRecord, rotation: date | None) -> Iterator[Event]:
    name, ends = record.delegation.name, record.delegation.mandate_ends
    if ends:
        yield Event("mandate", name, ends, f"{name}: last day of the mandate")
    if rotation:
        yield Event("rotation", name, rotation, f"{name}: the password is rotated")
    if record.inspection and (expires := record.inspection.password_expires):
        yield Event("password", name, expires, f"{name}: the password expires unless it is rotated before")


def lines(found: Iterable[Event], stack: str, now: datetime) -> Iterator[str]:
    """Yield the lines of the document. *stack*: what identifies the stack everywhere, as its state machine's ARN.

    A later export has the same UIDs: a calendar moves its events instead of adding them again.
    """
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//certmandate//calendar//EN", "METHOD:PUBLISH")
    for event in found:
        yield from ("BEGIN:VEVENT", f"UID:{uuid5(NAMESPACE_URL, f'{stack}#{event.kind}/{event.subject}')}")
        yield f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        yield f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}"
        yield from _folded(f"SUMMARY:{_escaped(event.summary)}")
        yield from (f"CATEGORIES:{event.kind}", "TRANSP:TRANSPARENT", "END:VEVENT")
    yield "END:VCALENDAR"


def _escaped(text: str) -> str:
    """Return *text* as a TEXT value (section 3.3.11)."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield the line in parts of at most 75 octets, all but the first after a blank; no letter is divided."""
    part = ""
    for letter in line:
        if len(f"{part}{letter}".encode()) > _LONGEST_LINE:
            yield part
            part = " "
        part += letter
    yield part
