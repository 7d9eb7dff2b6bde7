"""What the calendar ends for a delegation: validation methods of its domains, and clientAuth in its certificates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from renewal.domain.calendar import CLIENT_AUTH, METHOD_SUNSETS, is_method
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.finding import Finding, Severity, finding_in_scm
from renewal.domain.setup.snapshot import DelegatedName

METHOD_NOTICE = timedelta(days=365)
"""So that the RAO can change the method whenever the domain is validated again."""
CLIENT_AUTH_NOTICE = timedelta(days=199)
"""One lifetime, so that it is reported a renewal ahead."""
URGENT = timedelta(days=60)


def method_findings(delegated: Iterable[DelegatedName], now: datetime) -> Iterator[Finding]:
    """Yield a finding for each validation method that ends within a year: one for all the domains with it."""
    entries, today = tuple(delegated), now.date()
    for sunset in METHOD_SUNSETS:
        names = [entry.entry for entry in entries if is_method(entry.dcv_method, sunset.method)]
        if names and sunset.ends - today <= METHOD_NOTICE:
            text = (
                f"{some(names)}: {sunset.subject} ends on {sunset.ends} ({sunset.source}), and no certificate is "
                "issued on such a validation from then on; validate by DNS instead, with the record that SCM shows"
            )
            severity = _severity(sunset.ends, now)
            yield finding_in_scm("DcvMethodEnding", severity, "rao", text, due=sunset.ends, about=sunset.method)


def client_auth_findings(renewals: Iterable[tuple[ManagedCertificate, date]], now: datetime) -> Iterator[Finding]:
    """Yield one finding for the stored certificates with clientAuth; *renewals*: each with its next renewal."""
    if CLIENT_AUTH.ends - now.date() > CLIENT_AUTH_NOTICE:
        return
    affected = [
        (certificate, day) for certificate, day in renewals if certificate.stored and certificate.stored.client_auth
    ]
    if affected:
        names = [certificate.spec.name for certificate, _ in affected]
        due = max(CLIENT_AUTH.ends, min(day for _, day in affected))
        text = (
            f"{some(names)}: stored with the extended key usage clientAuth, which renewals from {CLIENT_AUTH.ends} on "
            "no longer have; find out whether a server uses the certificate as a TLS client, and replace it there by "
            "one of a private CA"
        )
        only = names[0] if len(names) == 1 else ""
        yield Finding("ClientAuthEnding", _severity(due, now), "operator", text, only, due)


def _severity(due: date, now: datetime) -> Severity:
    return "warning" if due - now.date() <= URGENT else "info"
