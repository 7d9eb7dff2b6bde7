"""Problems: what the operator or the RAO must do, how urgent it is, and what happens otherwise."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import Actor, ScmUnavailable, StoreUnavailable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.command import command_for, reason_without
from renewal.domain.judgement.consequence import CONSEQUENCES, OF_NAMES, Consequence
from renewal.domain.names import permits
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.domain_checks import DOMAIN_CODES, is_cut, is_listed
from renewal.domain.setup.finding import ORDER_NOT_OURS, RANKS, Finding, Severity

MANDATE_ENDING = "MandateEnding"
"""Code: the mandate ends soon, or before a renewal. Its day is the mandate's last one."""
OUTAGES = frozenset({ScmUnavailable.__name__, StoreUnavailable.__name__})
"""Codes of errors that end without an action of the operator or the RAO; after AnswerLost, an order may exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of a delegation or certificate. `text` never has a secret."""

    delegation: str = ""
    """Empty for what concerns all of them."""
    certificate: str = ""
    """Empty = it concerns the whole delegation."""
    code: str
    """The cause: the name of an error, of a finding, or of what `renewal.domain.judgement.certificate` defines."""
    about: str = ""
    """`Finding.about`."""
    severity: Severity
    """`error` needs attention: acting now is not early. `warning`: there is time left. `info`: no action is needed."""
    actor: Actor
    text: str = ""
    due: date | None = None
    """By when the actor must have acted; None = now."""
    act_by: date | None = None
    """The last day on which the actor can begin in time; None = now."""
    consequence: Consequence = Consequence.NONE
    consequence_on: date | None = None
    """When it happens; None = it does so already, or the day is not known."""
    command: str = ""
    """What the operator runs; empty when the RAO acts, and when no command helps."""
    screen: str = ""
    """Where in SCM, as SCM's menu has it."""
    is_security: bool = field(default=False, metadata={"stored": "security"})

    @property
    def path(self) -> str:
        """`delegation/certificate`, or the delegation."""
        return "/".join(name for name in (self.delegation, self.certificate) if name)

    @property
    def key(self) -> str:
        """`path: code`, with what it is about: it stays the same while the problem lasts, and no other one has it."""
        return f"{self.path}: {self.code} {self.about}".rstrip()

    @property
    def remedy(self) -> str:
        """What the actor does first: the one command, `SCM: ` and the page, or why there is neither."""
        page = f"SCM: {self.screen}" if self.actor == "rao" and self.screen else ""
        return self.command or page or reason_without(self.code)

    def otherwise(self, today: date, count: int = 1) -> str:
        """Return what happens unless the actor acts, or what has happened by *today*; empty when nothing does.

        *count*: how many certificates it concerns.
        """
        is_expiry, on = self.consequence is Consequence.EXPIRES, self.consequence_on
        which = "the first certificate" if count > 1 else "the certificate"
        text = f"{which} expires" if is_expiry else self.consequence.sentence
        if not text or on is None:
            return text and f"otherwise {text}"
        if on <= today and is_expiry:
            return f"{which} expired on {on}"
        if on < today and (past := self.consequence.past):
            return f"{past} {on}"
        return f"otherwise {text} {'from' if self.consequence.past else 'on'} {on}"

    @property
    def needs_attention(self) -> bool:
        """Whether the actor must begin now."""
        return self.severity == "error"

    @property
    def is_outage(self) -> bool:
        """Whether it ends without an action of the operator or the RAO."""
        return self.code in OUTAGES

    def urgency(self, today: date) -> tuple[Any, ...]:
        """Sort key of *today*, the same in every view.

        First what needs attention: that of which the consequence is a fact, such as a certificate that has expired,
        then by the day of the consequence; a service that never had a certificate is last. Then warnings, by the day by
        which the actor must begin.
        """
        on = self.consequence_on
        has_happened = self.needs_attention and on is not None and on <= today
        undated = date.max if self.consequence is Consequence.NO_CERTIFICATE else date.min
        soonest = (on or undated) if self.needs_attention else date.min
        begin = self.act_by or date.min, self.due or date.min
        return not has_happened, RANKS[self.severity], soonest, *begin, self.key, self.text


def severity_at(finding: Finding, today: date, times: ActingTimes) -> Severity:
    """Return the severity of *finding* on *today*: from the last day to begin acting, a warning is an error."""
    is_late = finding.due is not None and today >= times.last_day(finding.actor, finding.due)
    return "error" if finding.severity == "warning" and is_late else finding.severity


def problem_of(
    finding: Finding,
    delegation: str,
    certificates: Iterable[ManagedCertificate],
    today: date,
    times: ActingTimes,
    issued: Container[str] = (),
) -> Problem:
    """Return a finding of *delegation* as a problem of *today*; *certificates*: of the delegation.

    *issued*: keys of the foreign orders whose certificates are valid.
    """
    affected = [each for each in certificates if affects(finding, each.spec)]
    consequence, on = _consequence(finding, affected, issued)
    return Problem(
        delegation=delegation,
        certificate=finding.certificate,
        code=finding.code,
        about=finding.about,
        severity=severity_at(finding, today, times),
        actor=finding.actor,
        text=finding.text,
        due=finding.due,
        act_by=times.last_day(finding.actor, finding.due) if finding.due else None,
        consequence=consequence,
        consequence_on=on,
        command=command_for(finding.code, finding.actor, delegation, finding.certificate),
        screen=finding.screen,
        is_security=finding.is_security,
    )


def affects(finding: Finding | Problem, spec: CertificateSpec) -> bool:
    """Return whether *finding*, of the delegation of *spec*, concerns the certificate."""
    if finding.certificate:
        return finding.certificate == spec.name
    if finding.code not in DOMAIN_CODES or is_listed(finding.text, spec.names):
        return True
    return is_cut(finding.text) and (not finding.about or any(permits(finding.about, name) for name in spec.names))


def _consequence(
    finding: Finding, affected: Iterable[ManagedCertificate], issued: Container[str]
) -> tuple[Consequence, date | None]:
    if finding.code == ORDER_NOT_OURS and finding.about in issued:
        return Consequence.IMPERSONATION, None
    if finding.code in CONSEQUENCES:
        return CONSEQUENCES[finding.code], finding.due
    if finding.due and finding.code not in OUTAGES:
        is_last_day = finding.code == MANDATE_ENDING  # orders are placed on the mandate's last day, too
        stops = Consequence.NAMES_STOP if finding.code in OF_NAMES else Consequence.ORDERS_STOP
        return stops, finding.due + timedelta(days=is_last_day)
    stored = [each.stored for each in affected]
    if not stored:  # there is none, or its record cannot be read
        return Consequence.ORDERS_STOP, None
    if None in stored:
        return Consequence.NO_CERTIFICATE, None
    return Consequence.EXPIRES, min(each.not_after.date() for each in stored if each)
