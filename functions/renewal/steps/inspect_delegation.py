"""Step two: one login with the delegation's credential, and what it shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from renewal.domain.calendar import phase_at
from renewal.domain.delegation import profile_of
from renewal.domain.due import Cause, decide
from renewal.domain.errors import CredentialExpired, MandateEnded, NeedsPerson
from renewal.domain.finding import Finding, finding_from
from renewal.domain.order import ManagedCertificate
from renewal.ports import (
    Accounts,
    CertificateAuthority,
    Clock,
    DelegationRecord,
    Inspection,
    OrderBook,
    PasswordState,
    ReportedCertificate,
)
from renewal.steps.login import Logins
from renewal.steps.payload import DelegationTask, Task

PASSWORD_WARNING = timedelta(days=21)
MANDATE_WARNING = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class InspectDelegation:
    """Logs in once, reads what the department may do now, records findings, and completes the list of what is due."""

    book: OrderBook
    accounts: Accounts
    orders_per_delegation: int
    clock: Clock

    def __call__(self, task: DelegationTask) -> dict[str, Any]:
        """Return `{"run_id", "delegation", "dry_run", "deferred", "certificates": [task…]}`.

        Raises what makes every order of this delegation impossible (CredentialRefused, CredentialExpired, MandateEnded,
        AddressRefused, PermissionMissing, …) after it was recorded as a finding.
        """
        now = self.clock()
        record = self.book.delegation(task.delegation)
        try:
            inspection = self._inspect(task, record, now)
        except NeedsPerson as error:
            # When the password was to expire is kept: it may well be why SCM refuses, and SCM does not say.
            expires = record.inspection.password_expires if record.inspection else None
            failed = Inspection(task.run_id, now, findings=(finding_from(error),), password_expires=expires)
            self.book.record_inspection(task.delegation, failed)
            raise
        self.book.record_inspection(task.delegation, inspection)
        # A revoked certificate fails its users now: it goes before what merely grows old.
        tasks = [*self._revoked(task, inspection), *task.certificates]
        taken = tasks[: self.orders_per_delegation]
        return {
            "run_id": task.run_id,
            "delegation": task.delegation,
            "dry_run": task.dry_run,
            "deferred": len(tasks) - len(taken),
            "certificates": [one.payload() for one in taken],
        }

    def _inspect(self, task: DelegationTask, record: DelegationRecord, now: datetime) -> Inspection:
        delegation = record.delegation
        if delegation.has_ended(now):
            raise MandateEnded(f"the mandate of {delegation.organisation} ended on {delegation.mandate_ends}")
        with Logins(self.book, self.accounts).login(record, task.run_id) as authority:
            password = authority.password_state()
            _require_alive(password)
            return self._look(authority, record, task.run_id, password, now)

    def _look(
        self,
        authority: CertificateAuthority,
        record: DelegationRecord,
        run_id: str,
        password: PasswordState | None,
        now: datetime,
    ) -> Inspection:
        delegation = record.delegation
        certificates = self.book.certificates(delegation.name)
        reported = authority.reported(delegation.department_id)
        inspection = Inspection(
            run_id=run_id,
            at=now,
            profiles=authority.profiles(delegation.department_id),
            password_expires=password.expires if password else None,
            revoked=_revoked_ids(certificates, reported),
        )
        findings = [
            *_password_findings(password, now),
            *_mandate_findings(record, now),
            *_certificate_findings(certificates, record, inspection, now),
        ]
        return Inspection(
            inspection.run_id, now, inspection.profiles, tuple(findings), inspection.password_expires, inspection.revoked
        )

    def _revoked(self, task: DelegationTask, inspection: Inspection) -> Iterable[Task]:
        """What only SCM knows: certificates revoked there, unless the plan has them already."""
        planned = {one.certificate for one in task.certificates}
        for certificate in self.book.certificates(task.delegation) if task.whole and inspection.revoked else ():
            decision = decide(certificate, inspection.at, revoked=inspection.revoked)
            is_new = Cause.REVOKED in decision.causes and certificate.spec.name not in planned
            if is_new and not decision.held:
                yield Task(task.run_id, task.started_at, task.delegation, certificate.spec.name, decision.causes)


def _require_alive(password: PasswordState | None) -> None:
    if password is not None and password.state == "EXPIRED":
        raise CredentialExpired("the account's password has expired; set a new one in SCM and store it")


def _revoked_ids(
    certificates: Iterable[ManagedCertificate], reported: Iterable[ReportedCertificate]
) -> tuple[int, ...]:
    gone = {row.ssl_id for row in reported if row.status == "REVOKED"}
    return tuple(one.served.ssl_id for one in certificates if one.served and one.served.ssl_id in gone)


def _password_findings(password: PasswordState | None, now: datetime) -> list[Finding]:
    if password is None or password.expires is None or password.expires - now.date() > PASSWORD_WARNING:
        return []
    text = f"the account's password expires on {password.expires}; renewals stop on that day"
    return [Finding("PasswordExpiring", "warning", "operator", text, due=password.expires)]


def _mandate_findings(record: DelegationRecord, now: datetime) -> list[Finding]:
    ends = record.delegation.mandate_ends
    if ends is None or ends - now.date() > MANDATE_WARNING:
        return []
    text = f"the mandate ends on {ends}; nothing is ordered after that day"
    return [Finding("MandateEnding", "warning", "rao", text, due=ends)]


def _certificate_findings(
    certificates: Iterable[ManagedCertificate], record: DelegationRecord, inspection: Inspection, now: datetime
) -> list[Finding]:
    """What would refuse the next order of each certificate, found before one is spent."""
    findings = []
    for certificate in certificates:
        try:
            require_orderable(certificate, record, inspection, now)
        except NeedsPerson as error:
            findings.append(finding_from(error, certificate.spec.name))
    return findings


def require_orderable(
    certificate: ManagedCertificate, record: DelegationRecord, inspection: Inspection, now: datetime
) -> int:
    """Return the term to ask for, in days.

    Raises NameNotDelegated, ProfileRefused, KeyRefused or TermRefused: refusals that can be foreseen.
    """
    spec = certificate.spec
    record.delegation.require_delegated(spec.names)
    profile = profile_of(spec, inspection.profiles)
    profile.require_key_type(spec.key_type)
    return profile.term_for(spec.term_days, phase_at(now).term_days)

