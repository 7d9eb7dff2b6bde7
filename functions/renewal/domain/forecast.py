"""Will everything still hold on the day of a certificate's next renewal? Who must act otherwise, and by when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from renewal.domain.calendar import Phase, phase_at
from renewal.domain.delegation import Delegation
from renewal.domain.due import DCV_MARGIN, is_brought_forward, renewal_point
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.domain_checks import dcv_soon
from renewal.domain.setup.finding import Finding, Severity
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.scm_menu import screen_of
from renewal.domain.setup.snapshot import DelegatedName, Snapshot, dcv_of

SOON = timedelta(days=30)
"""What must be done by then is a warning; what must be done later is only told."""
MANDATE_SOON = timedelta(days=60)
ROTATION_NOTICE = timedelta(days=7)
"""The RAO is told so long before a password is replaced by itself, because SCM then sends a notice of the change."""
ROTATION_RESERVE = timedelta(days=7)
"""So much of a password's life should be left then: a rotation that fails needs somebody's time."""

Renewals = list[tuple[ManagedCertificate, date]]


def forecast(
    delegation: Delegation,
    certificates: Iterable[ManagedCertificate],
    seen: Snapshot,
    now: datetime,
    rotation: date | None = None,
) -> tuple[Finding, ...]:
    """Return what will stop the next renewals unless somebody acts first: one finding a cause, not a certificate.

    *rotation*: the day by which the password is replaced by itself; None when it is not, or when nobody knows.
    """
    renewals = [(one, next_renewal(one, seen.dcv_of(one.spec.names), now).date()) for one in certificates]
    return (
        *_domain_validations(renewals, seen, now),
        *_organisation_validation(renewals, seen, now),
        *_terms(renewals, seen, now),
        *_mandate(delegation, renewals, now),
        *_rotation(delegation, seen, rotation, now),
    )


def next_renewal(certificate: ManagedCertificate, dcv_expires: date | None, now: datetime) -> datetime:
    """Return when *certificate* will be renewed, now when it is due: by age, or before a domain validation lapses."""
    served = certificate.served
    if served is None:
        return now
    point = renewal_point(certificate.spec.path, served.not_before, served.not_after, certificate.spec.policy)
    forward = _brought_forward_to(certificate, dcv_expires, now)
    return max(min(point, forward or point), now)


def coming_renewal(certificate: ManagedCertificate, dcv_expires: date | None, now: datetime) -> datetime | None:
    """Return the same as `next_renewal`, but since when it is due when it is; None while nothing is served."""
    served = certificate.served
    if served is None:
        return None
    by_age = renewal_point(certificate.spec.path, served.not_before, served.not_after, certificate.spec.policy)
    return min(by_age, next_renewal(certificate, dcv_expires, now))


@dataclass(frozen=True, slots=True)
class NextRenewal:
    """The next renewal of a certificate, as the run will decide it on that day."""

    at: datetime | None
    """None while nothing is served."""
    mandate_ends: date | None

    @classmethod
    def of(cls, certificate: ManagedCertificate, record: DelegationRecord, now: datetime) -> Self:
        """What is known of it from the last inspection."""
        lapses = dcv_of(record.inspection.delegated, certificate.spec.names) if record.inspection else None
        return cls(coming_renewal(certificate, lapses, now), record.delegation.mandate_ends)

    @property
    def is_after_the_mandate(self) -> bool:
        """Whether nothing is ordered on that day any more."""
        return bool(self.at and self.mandate_ends and self.mandate_ends < self.at.date())

    @property
    def renew_at(self) -> datetime | None:
        """When it is renewed; None while nothing is served, and when the mandate has ended by then."""
        return None if self.is_after_the_mandate else self.at


def _brought_forward_to(certificate: ManagedCertificate, dcv_expires: date | None, now: datetime) -> datetime | None:
    """The first day from now on which the renewal is brought forward, None when it is not."""
    served = certificate.served
    if served is None or dcv_expires is None:
        return None
    half = served.not_before + (served.not_after - served.not_before) / 2
    lapse = datetime.combine(dcv_expires, time(), UTC)
    day = max(half, lapse - DCV_MARGIN, now)
    return day if is_brought_forward(certificate, dcv_expires, day) else None


def _domain_validations(renewals: Renewals, seen: Snapshot, now: datetime) -> Iterator[Finding]:
    """Lapses that are near are told by the procedure already; these are the ones beyond."""
    today, screen = now.date(), screen_of("DcvLapsing")
    struck: dict[DelegatedName, Renewals] = {}
    for certificate, day in renewals:
        for entry in {seen.entry_for(name) for name in certificate.spec.names}:
            if entry and entry.dcv_expires and today + dcv_soon(now) < entry.dcv_expires <= day:
                struck.setdefault(entry, []).append((certificate, day))
    for entry, those in struck.items():
        lapse = entry.dcv_expires or today
        first = min(day for _, day in those)
        reuse = timedelta(days=_phase(lapse).dcv_reuse_days)
        # Renewed just before it lapses, a validation of 198 days still holds on the day; one of ten does not.
        due = _by((lapse if lapse + reuse > first else first) - DCV_MARGIN, now)
        text = f"the validation of {entry.entry} lapses on {lapse}, before {_renewal(those)}; validate it again"
        yield Finding("DcvLapsing", _severity(due, now), "rao", text, _only(those), due, screen)


def _organisation_validation(renewals: Renewals, seen: Snapshot, now: datetime) -> Iterator[Finding]:
    until = seen.organisation_validated_until
    struck = [(one, day) for one, day in renewals if until and until <= day]
    if until is None or not (struck or until - now.date() <= SOON):
        return
    due = _by(until - DCV_MARGIN, now)
    before = f", before {_renewal(struck)}" if struck else ""
    text = f"the organisation's validation ends on {until}{before}; have it validated again"
    severity = _severity(due, now)
    code = "OrganisationValidationLapsing"
    yield Finding(code, severity, "rao", text, _only(struck), due, screen_of(code))


def _terms(renewals: Renewals, seen: Snapshot, now: datetime) -> Iterator[Finding]:
    """SCM changes the terms of its own profiles when the calendar does; customised ones somebody has to change."""
    shortest = {profile.profile_id: min(profile.terms, default=0) for profile in seen.profiles}
    struck = [
        (one, day)
        for one, day in renewals
        if day - now.date() <= SOON and shortest.get(one.spec.profile_id, 0) > _phase(day).term_days
    ]
    if struck:
        first = min(day for _, day in struck)
        text = f"its profile offers no term as short as {_phase(first).term_days} days, at {_renewal(struck)}"
        due = _by(first, now)
        yield Finding("TermTooLong", "warning", "rao", text, _only(struck), due, screen_of("TermTooLong"))


def _mandate(delegation: Delegation, renewals: Renewals, now: datetime) -> Iterator[Finding]:
    ends = delegation.mandate_ends
    struck = [(one, day) for one, day in renewals if ends and ends < day]
    if ends is None or not (struck or ends - now.date() <= MANDATE_SOON):
        return
    is_near = ends - now.date() <= MANDATE_SOON
    before = f", before {_renewal(struck)}" if struck else ""
    text = f"the mandate ends on {ends}{before}; nothing is ordered after that day"
    yield Finding("MandateEnding", "warning" if is_near else "info", "rao", text, _only(struck), ends)


def _rotation(delegation: Delegation, seen: Snapshot, day: date | None, now: datetime) -> Iterator[Finding]:
    if seen.password is None or day is None:
        return
    today, expires = now.date(), seen.password.expires
    left = expires - today if expires else timedelta()
    again = f"certmandate credential {delegation.name} --rotate"
    if day < today:
        text = (
            f"the account's password was to be replaced by itself until {day}, and was not: {again} tries and says why"
        )
        yield Finding("RotationOverdue", "warning", "operator", text, due=expires)
    elif expires and expires - day < ROTATION_RESERVE:
        text = (
            f"the account's password ends on {expires}, and is replaced by itself only on {day}: {again} replaces it "
            f"now; add --rotate-days {rotate_after(left).days} if a new one lives for no more than {left.days} days"
        )
        severity: Severity = "error" if expires <= day else "warning"
        yield Finding("RotationTooLate", severity, "operator", text, due=expires)
    elif day - today <= ROTATION_NOTICE:
        text = "the account's password is about to be replaced by itself; SCM sends a notice: there is nothing to do"
        yield Finding("PasswordRotation", "info", "rao", text, due=day)


def rotate_after(life: timedelta) -> timedelta:
    """Return how long a password that lives for *life* is kept: until a month is left, or half of a short life."""
    return max(life - SOON, life / 2, timedelta(days=1))


def _phase(day: date) -> Phase:
    return phase_at(datetime.combine(day, time(), UTC))


def _only(those: Renewals) -> str:
    """The certificate's name when a finding is about one alone."""
    return those[0][0].spec.name if len(those) == 1 else ""


def _renewal(those: Renewals) -> str:
    first, day = min(those, key=lambda one: one[1])
    more = f" and {len(those) - 1} more" if len(those) > 1 else ""
    return f"the next renewal of {first.spec.name}{more} on {day}"


def _by(day: date, now: datetime) -> date:
    return max(day, now.date())


def _severity(due: date, now: datetime) -> Severity:
    return "warning" if due - now.date() <= SOON else "info"
