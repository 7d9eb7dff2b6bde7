"""How much of SCM an inspection reads: everything, or what may have changed since the last one that read everything.

A delegation of which nothing is due, near or wrong is read in full once a week. On other days an inspection reads the
daily sections (`renewal.domain.setup.snapshot.DAILY_SECTIONS`), and judges them with what was kept of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta
from zlib import crc32

from renewal.domain.forecast import next_renewal
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.order import ManagedCertificate
from renewal.domain.orderable import decide_with_inspection
from renewal.domain.setup.inspection import MOST_ENTRIES, DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName, Section, dcv_of

WEEK = timedelta(days=7)
NEAR = timedelta(days=3)
"""How long before a renewal everything is read every day."""


def is_kept(
    record: DelegationRecord, certificates: Collection[ManagedCertificate], now: datetime, times: ActingTimes, key: str
) -> bool:
    """Return whether what the last inspection read is kept, so that this one reads the daily sections only.

    certificates: all of the delegation; key: the `reading_key` of this inspection.
    """
    last = record.inspection
    if last is None or last.full_at is None or last.reading_key != key:
        return False
    return not (
        _week(last.full_at, record.delegation.name) != _week(now, record.delegation.name)
        or any(finding.severity != "info" for finding in last.findings)
        or len(last.delegated) >= MOST_ENTRIES
        or any(entry.lacks_validation for entry in last.delegated)
        or any(_is_near(certificate, last, now) for certificate in certificates)
        or any(_is_soon(day, now, times) for day in _ends(last, certificates, now))
    )


def _week(at: datetime, delegation: str) -> int:
    """Number the weeks, which begin on another day for each delegation: SCM is not asked for all of them on one."""
    return (at.date().toordinal() + crc32(delegation.encode())) // WEEK.days


def _is_near(certificate: ManagedCertificate, last: Inspection, now: datetime) -> bool:
    """Whether it is due, also if it is held, or will be within days."""
    validated = dcv_of(last.delegated, certificate.spec.names, now)
    is_due = bool(decide_with_inspection(certificate, last, now).causes)
    return is_due or next_renewal(certificate, validated, now) - now <= NEAR


def _ends(last: Inspection, certificates: Collection[ManagedCertificate], now: datetime) -> Iterator[date]:
    """Yield the ends of what the RAO, or a renewal, must replace in time."""
    yield from (certificate.stored.not_after.date() for certificate in certificates if certificate.stored)
    yield from filter(None, validation_ends(last.delegated, now))
    if last.organisation_validated_until:
        yield last.organisation_validated_until


def _is_soon(end: date, now: datetime, times: ActingTimes) -> bool:
    """Whether the RAO, informed by the full inspection of next week, could not have acted by *end*."""
    return times.last_day("rao", end) <= (now + WEEK).date()


def validation_ends(delegated: Iterable[DelegatedName], now: datetime) -> list[date | None]:
    """Return when the validation of each entry ends, None where it does not."""
    return [entry.expiry(now) for entry in delegated]


def is_hidden_since(before: Inspection | None, hidden: Collection[Section]) -> bool:
    """Return whether SCM refused to show what it showed *before*, or what a finding of then may have been about."""
    if before is None:
        return False
    shown = {
        Section.DOMAINS: bool(before.delegated),
        Section.VALIDATIONS: before.organisation_validated_until is not None,
        Section.CUSTOM_FIELDS: before.custom_fields is not None,
        Section.ACCOUNT: any(finding.severity != "info" for finding in before.findings),
    }
    return any(shown.get(section) for section in hidden)
