"""What the operator is notified of: what runs fail for, warnings that no date makes errors, crossed thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from renewal.domain.errors import OrderPending
from renewal.domain.judgement.command import command_for
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import CertificateRow, Outcome, RunReport
from renewal.domain.setup.finding import ARN_REPLACED, RANKS, expires_on

NEAR_EXPIRY = "CertificateNearExpiry"
PASSWORD_EXPIRING = "PasswordExpiring"  # noqa: S105 - the name of a finding
DUE_FOR = timedelta(days=2)
"""A certificate of a short term is within the threshold when it becomes due: the runs of two days come first."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Parameters of template.yaml."""

    expiry: timedelta
    """Remaining lifetime of a certificate."""
    pending: timedelta
    """Age of an open order."""
    password: timedelta
    """Remaining validity of the password of an SCM account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caused(Problem):
    """A crossed threshold with the problem behind it, which has the remedy."""

    cause: Problem

    @property
    def remedy(self) -> str:
        return self.cause.remedy


def notifiable(report: RunReport, thresholds: Thresholds) -> tuple[Problem, ...]:
    """Return what the operator is notified of, security first of what is equally severe."""
    by_key = {problem.key: problem for problem in report.problems if _is_notified(problem)}
    for problem in _crossed(report, thresholds):
        by_key.setdefault(problem.key, problem)
    today = report.finished_at.date()
    return tuple(sorted(by_key.values(), key=lambda each: _first_named(each, today)))


def _first_named(problem: Problem, today: date) -> tuple[Any, ...]:
    return RANKS[problem.severity], not problem.is_security, problem.urgency(today)


def _is_notified(problem: Problem) -> bool:
    """Whether it needs attention, is an outage, or is a warning for which no run will ever fail.

    Open orders have a threshold. A replaced ARN is notified at once, whatever its date.
    """
    if problem.needs_attention or problem.is_outage or problem.code == ARN_REPLACED:
        return True
    return problem.severity == "warning" and problem.act_by is None and problem.code != OrderPending.__name__


def _crossed(report: RunReport, thresholds: Thresholds) -> Iterator[Problem]:
    now = report.finished_at
    if report.not_verified:
        code, _, text = report.not_verified.partition(": ")
        yield _problem(report, "", "", code, f"the declared endpoints were not verified: {text}")
    for row in report.certificates:
        if _is_near_expiry(row, now, thresholds.expiry):
            yield _near_expiry(row, report)
        if row.ordered_at and now - row.ordered_at >= thresholds.pending:
            yield _old_order(row, report, int((now - row.ordered_at) / timedelta(hours=1)))
    for delegation in report.delegations:
        expires = delegation.password_expires
        if expires and expires - now.date() <= thresholds.password:
            text = f"the account's password {expires_on(expires, now.date())}"
            yield _problem(report, delegation.delegation, "", PASSWORD_EXPIRING, text)


def _is_near_expiry(row: CertificateRow, now: datetime, threshold: timedelta) -> bool:
    is_overdue = row.renew_at is None or now - row.renew_at >= DUE_FOR
    return row.not_after is not None and row.not_after - now <= threshold and is_overdue


def _near_expiry(row: CertificateRow, report: RunReport) -> Problem:
    """With what is known to stop its renewal, who must act, and the command."""
    known = next(_problems_of(row, report), None)
    verb = "expired" if row.not_after and row.not_after <= report.finished_at else "expires"
    text = f"{verb} on {row.not_after:%Y-%m-%d %H:%M}Z"
    if known is None:
        return _problem(report, row.delegation, row.name, NEAR_EXPIRY, text)
    members = {member.name: getattr(known, member.name) for member in fields(Problem)}
    members |= {"code": NEAR_EXPIRY, "about": "", "severity": "warning", "text": f"{text}; {known.code}: {known.text}"}
    return _Caused(**members, cause=known)


def _old_order(row: CertificateRow, report: RunReport, hours: int) -> Problem:
    """It needs no notice of its own while the certificate has failed: the operator knows why it is not stored."""
    problem = _problem(report, row.delegation, row.name, OrderPending.__name__, f"ordered {hours} hours ago")
    others = (other for other in _problems_of(row, report) if other.needs_attention and not other.is_outage)
    is_explained = row.outcome is Outcome.FAILED and any(other.key != problem.key for other in others)
    return replace(problem, severity="info") if is_explained else problem


def _problems_of(row: CertificateRow, report: RunReport) -> Iterator[Problem]:
    """Yield the problems of a certificate, most urgent first."""
    path = row.delegation, row.name
    return (problem for problem in report.problems if (problem.delegation, problem.certificate) == path)


def _problem(report: RunReport, delegation: str, certificate: str, code: str, text: str) -> Problem:
    """The problem as it is judged, at least as a warning; a new one where the judgement has none."""
    made = Problem(
        delegation=delegation,
        certificate=certificate,
        code=code,
        severity="warning",
        actor="operator",
        text=text,
        command=command_for(code, "operator", delegation, certificate),
    )
    known = next((problem for problem in report.problems if problem.key == made.key), None)
    return made if known is None else replace(known, severity="warning")
