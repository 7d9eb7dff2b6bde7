"""Will everything still hold on the day of a certificate's next renewal? Findings with who must act, and by when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from renewal.domain.delegation import Delegation
from renewal.domain.due import renewal_point
from renewal.domain.finding import Finding
from renewal.domain.observation import Observation
from renewal.domain.order import ManagedCertificate
from renewal.domain.procedure import SCREENS, Step

MARGIN = timedelta(days=7)
"""How long before a validation lapses a renewal is brought forward, and how much time people get."""


def forecast(
    delegation: Delegation, certificates: Iterable[ManagedCertificate], seen: Observation, now: datetime
) -> tuple[Finding, ...]:
    """Return what will stop the next renewal of each certificate unless somebody acts first."""
    findings = []
    for certificate in certificates:
        day = next_renewal(certificate, now).date()
        findings += [
            *_domain_validation(certificate, seen, day, now),
            *_organisation_validation(certificate, seen, day, now),
            *_mandate(certificate, delegation, day),
        ]
    return tuple(findings)


def next_renewal(certificate: ManagedCertificate, now: datetime) -> datetime:
    """Return when *certificate* will be renewed by age; now when it has none or is past it."""
    served = certificate.served
    if served is None:
        return now
    point = renewal_point(certificate.spec.path, served.not_before, served.not_after, certificate.spec.policy)
    return max(point, now)


def brought_forward(certificate: ManagedCertificate, seen: Observation, now: datetime) -> bool:
    """Return whether to renew now because a domain validation lapses before the ordinary renewal.

    Never in the first half of the lifetime: where validations live for days only (BR §4.2.1 from 2029), hurrying
    would renew in a loop, and the validation is renewed at every order instead.
    """
    served, lapses = certificate.served, seen.dcv_of(certificate.spec.names)
    if served is None or lapses is None:
        return False
    half = served.not_before + (served.not_after - served.not_before) / 2
    lapse = datetime(lapses.year, lapses.month, lapses.day, tzinfo=UTC)
    return half <= now < lapse <= next_renewal(certificate, now) and now >= lapse - MARGIN


def _domain_validation(
    certificate: ManagedCertificate, seen: Observation, day: date, now: datetime
) -> list[Finding]:
    lapses = seen.dcv_of(certificate.spec.names)
    if lapses is None or lapses > day:
        return []
    text = f"the domain validation lapses on {lapses}, before the next renewal on {day}; validate it again"
    due = max(lapses - MARGIN, now.date())
    return [Finding("DcvLapsed", "warning", "rao", text, certificate.spec.name, due, SCREENS[Step.DOMAINS])]


def _organisation_validation(
    certificate: ManagedCertificate, seen: Observation, day: date, now: datetime
) -> list[Finding]:
    until = seen.organisation_validated_until
    if until is None or until > day:
        return []
    text = f"the organisation's validation ends on {until}, before the next renewal on {day}; renew it"
    due = max(until - MARGIN, now.date())
    screen = "Settings → Organizations → Validations"
    return [Finding("OrganisationNotValidated", "warning", "rao", text, certificate.spec.name, due, screen)]


def _mandate(certificate: ManagedCertificate, delegation: Delegation, day: date) -> list[Finding]:
    ends = delegation.mandate_ends
    if ends is None or ends > day:
        return []
    text = f"the mandate ends on {ends}, before the next renewal on {day}; prolong it or end the service"
    return [Finding("MandateEnded", "warning", "rao", text, certificate.spec.name, ends)]
