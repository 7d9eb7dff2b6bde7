"""What will stop the next renewals unless the operator or the RAO acts first, and by when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from renewal.domain.calendar import Phase, phase_at
from renewal.domain.delegation import Delegation, Profile
from renewal.domain.due import brought_forward_to, due_by_age_at
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.domain_checks import RECORD_NOTICE, dcv_soon, some
from renewal.domain.setup.finding import Finding, Severity, expires_on, finding_in_scm
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName, Snapshot, dcv_of, entry_for
from renewal.domain.setup.sunsets import client_auth_findings, method_findings

TERM_TOO_LONG = "TermTooLong"
"""Code: the profile offers no term that will be permitted at the next renewal."""
SOON = timedelta(days=30)
"""A finding that is due within this span is a warning; a later one is information."""
MANDATE_SOON = timedelta(days=60)
ROTATION_NOTICE = timedelta(days=7)
"""How long before a rotation the RAO is informed of it, because SCM sends a notice of the change."""
ROTATION_RESERVE = timedelta(days=7)
"""How long before its expiry a password must be rotated: the operator needs time when a rotation fails."""

Renewals = list[tuple[ManagedCertificate, date]]


def forecast(
    delegation: Delegation,
    certificates: Iterable[ManagedCertificate],
    snapshot: Snapshot,
    now: datetime,
    rotation: date | None = None,
) -> tuple[Finding, ...]:
    """Return what will stop the next renewals unless the operator or the RAO acts: one finding for each cause.

    *rotation*: the day by which the password is rotated; None when it is not, or when the day is not known.
    """
    renewals = _renewals(certificates, snapshot.delegated, now)
    return (
        *_domain_validations(renewals, snapshot, now),
        *_organisation_validation(renewals, snapshot, now),
        *method_findings(snapshot.delegated, now),
        *client_auth_findings(renewals, now),
        *_terms(renewals, snapshot, now),
        *_mandate(delegation, renewals, now),
        *_rotation(delegation, snapshot, rotation, now),
    )


def _renewals(
    certificates: Iterable[ManagedCertificate], delegated: Collection[DelegatedName], now: datetime
) -> Renewals:
    expiries = ((certificate, dcv_of(delegated, certificate.spec.names, now)) for certificate in certificates)
    return [(certificate, next_renewal(certificate, expires, now).date()) for certificate, expires in expiries]


def next_renewal(certificate: ManagedCertificate, dcv_expires: date | None, now: datetime) -> datetime:
    """Return when *certificate* will be renewed, *now* when it is due: by age, or before its DCV expires."""
    stored = certificate.stored
    if stored is None:
        return now
    point, forward = due_by_age_at(certificate.spec, stored), brought_forward_to(certificate, dcv_expires, now)
    return max(min(point, forward or point), now)


@dataclass(frozen=True, slots=True)
class NextRenewal:
    """The next renewal of a certificate, as a run will decide it on that day."""

    at: datetime | None
    """Of one that is due: since when it is; None while nothing is stored."""
    mandate_ends: date | None
    ordered_by: date | None
    """The day of the daily run that orders it, at the latest: on that on which it becomes due, the run may be over."""

    @classmethod
    def of(cls, certificate: ManagedCertificate, record: DelegationRecord | None, now: datetime) -> Self:
        """The next renewal, given the last inspection; *record*: None when it cannot be read."""
        inspection, stored = record.inspection if record else None, certificate.stored
        expires = dcv_of(inspection.delegated, certificate.spec.names, now) if inspection else None
        day = next_renewal(certificate, expires, now)
        at = min(due_by_age_at(certificate.spec, stored), day) if stored else None
        ordered_by = at and (now.date() if at <= now else at.date() + timedelta(days=1))
        return cls(at, record.delegation.mandate_ends if record else None, ordered_by)

    @property
    def is_after_the_mandate(self) -> bool:
        """Whether the mandate may have ended by then, so that nothing is ordered."""
        return bool(self.ordered_by and self.mandate_ends and self.mandate_ends < self.ordered_by)

    @property
    def renew_at(self) -> datetime | None:
        """When it is renewed; None while nothing is stored, and when the mandate has ended by then."""
        return None if self.is_after_the_mandate else self.at


def _domain_validations(renewals: Renewals, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Validations that expire before a renewal, but not soon: the setup check reports those that expire soon."""
    today = now.date()
    affected: dict[DelegatedName, Renewals] = {}
    for certificate, day in renewals:
        for entry in {entry_for(snapshot.delegated, name) for name in certificate.spec.names}:
            expires = entry.expiry(now) if entry else None
            notice = RECORD_NOTICE if entry and entry.is_renewed(now) else dcv_soon(now)
            if entry and expires and today + notice < expires <= day:
                affected.setdefault(entry, []).append((certificate, day))
    for entry, these in affected.items():
        yield _ending_validation(entry, these, now)


def _ending_validation(entry: DelegatedName, these: Renewals, now: datetime) -> Finding:
    expires = entry.expiry(now) or now.date()
    first = min(day for _, day in these)
    if entry.is_renewed(now):
        code, due = "PersistentRecordEnding", expires
        text = f"the record by which {entry.entry} is validated persistently ends on {expires} (persistUntil), before "
        text += f"{_renewal(these)}; publish a new one from SCM"
    else:
        reuse = timedelta(days=_phase(expires).dcv_reuse_days)
        # Repeated just before it expires, a validation of 198 days is still valid on the day; one of ten days is not.
        code, due = "DcvLapsing", expires if expires + reuse > first else first
        text = f"the validation of {entry.entry} expires on {expires}, before {_renewal(these)}; validate it again"
    due = _by(due, now)
    return finding_in_scm(code, _severity(due, now), "rao", text, _only(these), due, entry.entry)


def _organisation_validation(renewals: Renewals, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    until = snapshot.organisation_validated_until
    affected = [(certificate, day) for certificate, day in renewals if until and until <= day]
    if until is None or not (affected or until - now.date() <= SOON):
        return
    due = _by(until, now)
    before = f", before {_renewal(affected)}" if affected else ""
    text = f"the organisation's validation {expires_on(until, now.date())}{before}; have it validated again"
    yield finding_in_scm("OrganisationValidationLapsing", _severity(due, now), "rao", text, _only(affected), due)


def has_too_long_terms(certificates: Iterable[ManagedCertificate], inspection: Inspection, now: datetime) -> bool:
    """Return whether a profile, as *inspection* has it, will offer no permitted term for a renewal that is near."""
    return bool(_too_long(_renewals(certificates, inspection.delegated, now), inspection.profiles, now))


def _too_long(renewals: Renewals, profiles: Iterable[Profile], now: datetime) -> Renewals:
    shortest = {profile.profile_id: min(profile.terms, default=0) for profile in profiles}
    return [
        (certificate, day)
        for certificate, day in renewals
        if day - now.date() <= SOON and shortest.get(certificate.spec.profile_id, 0) > _phase(day).term_days
    ]


def _terms(renewals: Renewals, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """SCM shortens the terms of its own profiles in time; customised profiles must be changed by hand."""
    if affected := _too_long(renewals, snapshot.profiles, now):
        first = min(day for _, day in affected)
        text = f"the profile offers no term of {_phase(first).term_days} days or less for {_renewal(affected)}"
        yield finding_in_scm(TERM_TOO_LONG, "warning", "rao", text, _only(affected), _by(first, now))


def _mandate(delegation: Delegation, renewals: Renewals, now: datetime) -> Iterator[Finding]:
    ends = delegation.mandate_ends
    # On the day on which a certificate becomes due, the daily run may be over; one that is due is renewed today.
    affected = [(each, day) for each, day in renewals if ends and (ends < day or ends == day > now.date())]
    if ends is None or delegation.has_ended(now) or not (affected or ends - now.date() <= MANDATE_SOON):
        return
    is_near = ends - now.date() <= MANDATE_SOON
    when = ", before" if affected and ends < min(day for _, day in affected) else ", on the day of"
    before = f"{when} {_renewal(affected)}" if affected else ""
    text = f"the mandate ends on {ends}{before}; nothing is ordered after that day"
    yield Finding("MandateEnding", "warning" if is_near else "info", "rao", text, _only(affected), ends)


def _rotation(delegation: Delegation, snapshot: Snapshot, day: date | None, now: datetime) -> Iterator[Finding]:
    if snapshot.password is None or day is None:
        return
    today, expires = now.date(), snapshot.password.expires
    left = expires - today if expires else timedelta()
    rotate = f"certmandate credential {delegation.name} --rotate"
    if day < today:
        text = (
            f"the account's password should have been rotated by {day}, and was not: `{rotate}` tries again and "
            "reports why"
        )
        yield Finding("RotationOverdue", "warning", "operator", text, due=expires)
    elif expires and expires - day < ROTATION_RESERVE:
        text = (
            f"the account's password {expires_on(expires, today)}, and its rotation is due only on {day}: `{rotate}` "
        )
        text += "rotates it now"
        if left > timedelta(days=1):
            text += f"; add --rotate-days {rotate_after(left).days} if new passwords last {left.days} days or less"
        severity: Severity = "error" if expires <= day else "warning"
        yield Finding("RotationTooLate", severity, "operator", text, due=expires)
    elif day - today <= ROTATION_NOTICE:
        text = "the account's password will be rotated automatically, and SCM sends a notice: no action is needed"
        yield Finding("PasswordRotation", "info", "rao", text, due=day)


def rotate_after(life: timedelta) -> timedelta:
    """Return how long a password that is valid for *life* is kept: until a month is left, or half of a short one."""
    return max(life - SOON, life / 2, timedelta(days=1))


def _phase(day: date) -> Phase:
    return phase_at(datetime.combine(day, time(), UTC))


def _only(these: Renewals) -> str:
    """The certificate's name when only one is affected."""
    return these[0][0].spec.name if len(these) == 1 else ""


def _renewal(these: Renewals) -> str:
    (first, day), *others = sorted(these, key=lambda renewal: renewal[1])
    names = [first.spec.name, *(certificate.spec.name for certificate, _ in others)]
    return (
        f"the next renewals of {some(names)}, the first on {day}"
        if others
        else f"the next renewal of {names[0]} on {day}"
    )


def _by(day: date, now: datetime) -> date:
    return max(day, now.date())


def _severity(due: date, now: datetime) -> Severity:
    return "warning" if due - now.date() <= SOON else "info"
