"""Incidents: what needs attention in the report of a run, grouped by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from certmandate.views.advice import EVERY_ACCOUNT, Advice, advice_for
from certmandate.views.problems import quoted_remedy
from renewal.domain.errors import CREDENTIAL_ERRORS, Actor, CredentialRefused
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import CertificateRow, DelegationRow, RunReport

EVERY_DELEGATION = "every delegation"
RULE = "a replacement rule"
LOGIN_REFUSED = "LoginRefused"  # the RAO's part of a refused login


@dataclass(frozen=True, slots=True)
class Task:
    """What one actor does about an incident."""

    actor: Actor
    code: str
    """The actor's part of the cause; empty for a common cause."""
    advice: Advice
    remedy: str
    """The command, the page of SCM, or why there is neither."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause with everything that it stops."""

    problems: tuple[Problem, ...]
    """Of one delegation and one code, at least one; of all delegations when there is a common cause."""
    rows: tuple[CertificateRow, ...]
    """The certificates that it stops."""
    delegation: DelegationRow | None
    """None: a common cause, or a replacement rule."""
    common_cause: str = ""

    @property
    def title(self) -> str:
        """The certificate when it stops only one, else the delegation."""
        if self.common_cause:
            return EVERY_DELEGATION
        paths = set(self.paths) or {problem.path for problem in self.problems}
        return (paths.pop() if len(paths) == 1 else self.problems[0].delegation) or RULE

    @property
    def code(self) -> str:
        """The cause."""
        return self.problems[0].code

    @property
    def text(self) -> str:
        """The common cause, or the texts of the problems, each once; not those of the RAO's part of a refused login."""
        texts = (problem.text for problem in self.problems if problem.text and problem.code == self.code)
        return self.common_cause or "; ".join(dict.fromkeys(texts))

    @property
    def paths(self) -> tuple[str, ...]:
        """The certificates that it stops."""
        return tuple(row.path for row in self.rows)

    @property
    def expires(self) -> datetime | None:
        """When the first of them expires; None: none was ever stored."""
        return min((row.not_after for row in self.rows if row.not_after), default=None)

    @property
    def what(self) -> str:
        """What has happened, in one sentence without its full stop."""
        lead = self.problems[0]
        return EVERY_ACCOUNT.what if self.common_cause else advice_for(lead.code, lead.actor).what

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What each actor does first, the operator before the RAO; at least one."""
        if self.common_cause:
            return (Task("operator", "", EVERY_ACCOUNT, EVERY_ACCOUNT.elsewhere),)
        leads = {problem.actor: problem for problem in reversed(self.problems)}
        return tuple(
            Task(actor, lead.code, advice_for(lead.code, actor), quoted_remedy(lead))
            for actor, lead in sorted(leads.items())
        )

    @property
    def nearest(self) -> Problem:
        """The problem of the certificate that expires first, else the first one."""
        paths = self.paths[:1]
        return next((problem for problem in self.problems if problem.path in paths), self.problems[0])

    def known(self, today: date) -> str:
        """Return what is known of the password: SCM's answer is the same for every refused login. Empty: nothing."""
        expires = self.delegation.password_expires if self.delegation else None
        if self.code != CredentialRefused.__name__ or expires is None:
            return ""
        if expires <= today:
            return f"its password expired on {expires}, which is the most likely cause"
        text = "so it has not expired: first check for a lock or a changed password"
        return f"its password is valid until {expires}, {text}"


def incidents_of(report: RunReport) -> list[Incident]:
    """Return what needs attention, most urgent first, as `status` has it."""
    delegations = report.delegations if report.common_cause else ()
    refused = {row.delegation for row in delegations if row.error in CREDENTIAL_ERRORS}
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in report.problems:
        if problem.needs_attention:
            groups.setdefault(_group(problem, refused), []).append(problem)
    return [_incident(group, problems, report) for group, problems in groups.items()]


def _group(problem: Problem, refused: Iterable[str]) -> tuple[str, str]:
    """Delegation and code: a refused login is one incident, and so are all of them when they have a common cause."""
    code = CredentialRefused.__name__ if problem.code == LOGIN_REFUSED else problem.code
    if problem.delegation in refused and code in CREDENTIAL_ERRORS:
        return EVERY_DELEGATION, ""
    return problem.delegation, code


def _incident(group: tuple[str, str], problems: list[Problem], report: RunReport) -> Incident:
    first = sorted(problems, key=lambda problem: (problem.code == LOGIN_REFUSED, bool(problem.certificate)))
    paths = {problem.path for problem in problems}
    rows = sorted((row for row in report.certificates if row.path in paths), key=_expiry)
    about = next((row for row in report.delegations if row.delegation == group[0]), None)
    return Incident(tuple(first), tuple(rows), about, "" if group[1] else report.common_cause)


def _expiry(row: CertificateRow) -> tuple[bool, str, str]:
    return row.not_after is None, row.not_after.isoformat() if row.not_after else "", row.path
