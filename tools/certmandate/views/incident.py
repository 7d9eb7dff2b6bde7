"""Incidents: what needs attention in the report of a run, grouped by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from certmandate.views.advice import EVERY_ACCOUNT, Advice, advice_for, where
from renewal.domain.errors import CREDENTIAL_ERRORS, AddressRefused, CredentialRefused, error_named
from renewal.domain.run_report import CertificateRow, DelegationRow, FindingRow, RuleRow, RunReport

EVERY_DELEGATION = "every delegation"
LOGIN_REFUSED = "LoginRefused"  # the finding of a refused login in the RAO's mail


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause with everything that it stops."""

    title: str
    """The delegation when all of it is stopped, else `delegation/certificate`."""
    organisation: str
    error: str
    text: str
    """The text of the error."""
    paths: tuple[str, ...]
    """The due certificates that were not renewed because of it."""
    expires: datetime | None
    """When the first of them expires; None: none was ever issued."""
    ssl_id: int | None = None
    names: tuple[str, ...] = ()
    """The domain names of the certificate; empty for a whole delegation."""
    rao_email: str = ""
    password_expires: date | None = None
    """When the account's password expires or expired; None: SCM has not returned it."""

    @property
    def advice(self) -> Advice:
        """What to do about it."""
        return EVERY_ACCOUNT if self.title == EVERY_DELEGATION else advice_for(self.error)

    @property
    def where(self) -> str:
        """Where to act."""
        return self.advice.elsewhere if self.title == EVERY_DELEGATION else where(self.error)

    def then(self) -> str:
        """Return how renewal continues after the action."""
        return self.advice.then.format(certificates=", ".join(f'"{path}"' for path in self.paths))

    @property
    def is_for_rao(self) -> bool:
        """Whether the RAO must act, not the operator."""
        return self.title != EVERY_DELEGATION and error_named(self.error).actor == "rao"

    def covers(self, delegation: str, finding: FindingRow) -> bool:
        """Return whether a finding of *delegation* only repeats this incident."""
        if self.title == EVERY_DELEGATION:
            return finding.code in {*CREDENTIAL_ERRORS, LOGIN_REFUSED}
        if finding.code == LOGIN_REFUSED and self.error == CredentialRefused.__name__:
            return self.title == delegation
        if finding.code != self.error or self.title.partition("/")[0] != delegation:
            return False
        is_whole = self.title == delegation
        return is_whole or self.title == f"{delegation}/{finding.certificate}" or self._is_named_in(finding.text)

    def _is_named_in(self, text: str) -> bool:
        return any(name in text for name in self.names)

    def known(self, today: date) -> str:
        """Return what is known of the password: SCM's answer is the same for every refused login. Empty: nothing."""
        if self.error != CredentialRefused.__name__ or self.password_expires is None:
            return ""
        if self.password_expires <= today:
            return f"its password expired on {self.password_expires}, which is the most likely cause"
        return f"its password is valid until {self.password_expires}: first check for a lock or a changed password"


def incidents_of(report: RunReport) -> list[Incident]:
    """Return what needs attention, soonest expiry first; certificates that were never issued come last."""
    refused = {row.delegation for row in report.refused} if report.common_cause else set()
    found, of_refused = [], []
    for delegation in report.delegations:
        rows = [row for row in report.certificates if row.delegation == delegation.delegation]
        affected = [row for row in rows if row.outcome.needs_attention]
        if delegation.delegation in refused:
            of_refused += affected
        elif delegation.error:
            found.append(_of_delegation(delegation, affected))
        else:
            found += [_of_certificate(row, delegation) for row in affected]
    common = [_of_all(report, of_refused)] if refused else []
    return sorted([*common, *found, *map(_of_rule, report.rules)], key=_urgency)


def _urgency(incident: Incident) -> tuple[bool, str, str]:
    return incident.expires is None, incident.expires.isoformat() if incident.expires else "", incident.title


def _of_all(report: RunReport, rows: list[CertificateRow]) -> Incident:
    """One incident for a common cause: one for each delegation would mislead every RAO."""
    return Incident(
        title=EVERY_DELEGATION,
        organisation="",
        error=AddressRefused.__name__,
        text=report.common_cause,
        paths=tuple(row.path for row in rows),
        expires=_expires(rows),
    )


def _of_rule(rule: RuleRow) -> Incident:
    return Incident("a replacement rule", "", rule.error, rule.text, paths=(), expires=None)


def days_left(row: CertificateRow, report: RunReport) -> int | None:
    """Return the days until the served certificate expires, negative when it has; None: none was ever issued."""
    return whole_days(row.not_after - report.finished_at) if row.not_after else None


def whole_days(span: timedelta) -> int:
    """Return the whole days of *span*, rounded towards zero: `timedelta.days` rounds down."""
    return int(span / timedelta(days=1))


def _of_delegation(delegation: DelegationRow, rows: list[CertificateRow]) -> Incident:
    return Incident(
        title=delegation.delegation,
        organisation=delegation.organisation,
        error=delegation.error,
        text=delegation.text,
        paths=tuple(row.path for row in rows),
        expires=_expires(rows),
        rao_email=delegation.rao_email,
        password_expires=delegation.password_expires,
    )


def _of_certificate(row: CertificateRow, delegation: DelegationRow) -> Incident:
    return Incident(
        title=row.path,
        organisation=delegation.organisation,
        error=row.error,
        text=row.text,
        paths=(row.path,),
        expires=row.not_after,
        ssl_id=row.ssl_id,
        names=row.names,
        rao_email=delegation.rao_email,
    )


def _expires(rows: Iterable[CertificateRow]) -> datetime | None:
    return min((row.not_after for row in rows if row.not_after), default=None)
