"""Problems: what the operator or the RAO must do, how urgent it is, and what happens otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import Actor, ScmUnavailable, StoreUnavailable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.command import command_for
from renewal.domain.names import permits
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.domain_checks import DOMAIN_CODES, is_cut, lists
from renewal.domain.setup.finding import RANKS, SECURITY, Finding, Severity

OUTAGES = frozenset({ScmUnavailable.__name__, StoreUnavailable.__name__})
"""Codes of errors that end without an action of the operator or the RAO; after AnswerLost, an order may exist."""


class Consequence(StrEnum):
    """What happens unless the actor acts. The date is `Problem.consequence_on`."""

    EXPIRES = "expires"
    """The stored certificate expires, and clients refuse it."""
    NO_CERTIFICATE = "no-certificate"
    """The service still has no certificate."""
    REVOKED = "revoked"
    """Clients may refuse the stored certificate: it is revoked, or will be."""
    ORDERS_STOP = "orders-stop"
    """Nothing can be ordered any more."""
    MISUSE = "misuse"
    """The account, or a thief of its password or of a key, can do more than was agreed."""
    OTHER_SERVED = "other-served"
    """A store or a server has another certificate than the order book."""
    USAGE_ENDS = "usage-ends"
    """Renewed certificates lack a usage that a server may need."""
    UNNOTICED = "unnoticed"
    """Other faults are not found."""
    NONE = "none"
    """No action is needed."""


_CONSEQUENCES = {
    **dict.fromkeys(SECURITY, Consequence.MISUSE),
    **dict.fromkeys(("ServedNotListed", "ServedReplaced", "ServedRevoked"), Consequence.REVOKED),
    **dict.fromkeys(
        (
            "CredentialUntried",
            "InspectionIncomplete",
            "MoreFindings",
            "NotVerified",
            "ReportNotShown",
            "SearchUnproven",
            "StoresNotCompared",
        ),
        Consequence.UNNOTICED,
    ),
    **dict.fromkeys(("OrdersBefore", "PasswordRotation"), Consequence.NONE),
    "ClientAuthEnding": Consequence.USAGE_ENDS,
    "NotRevoked": Consequence.MISUSE,
    **dict.fromkeys(("NotServed", "StoreDrifted"), Consequence.OTHER_SERVED),
}
"""By code; of all others orders stop on the day that the finding names, or certificates expire."""


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
    """What the operator runs; empty when the RAO acts, and when the remedy is no command of certmandate."""
    screen: str = ""
    """Where in SCM, as SCM's menu has it."""
    security: bool = False

    @property
    def path(self) -> str:
        """`delegation/certificate`, or the delegation."""
        return "/".join(name for name in (self.delegation, self.certificate) if name)

    @property
    def key(self) -> str:
        """`path: code`, with what it is about: it stays the same while the problem lasts, and no other one has it."""
        return f"{self.path}: {self.code} {self.about}".rstrip()

    @property
    def needs_attention(self) -> bool:
        """Whether the actor must begin now."""
        return self.severity == "error"

    @property
    def is_outage(self) -> bool:
        """Whether it ends without an action of the operator or the RAO."""
        return self.code in OUTAGES

    @property
    def urgency(self) -> tuple[int, date, str, str]:
        """Sort key: what needs attention first, then by the day by which the actor must begin."""
        return RANKS[self.severity], self.act_by or date.min, self.key, self.text

    def urgency_on(self, today: date) -> tuple[Any, ...]:
        """Sort key: before all else that of which the consequence is a fact, such as a certificate that has expired."""
        has_happened = self.needs_attention and self.consequence_on is not None and self.consequence_on <= today
        return (not has_happened, *self.urgency)


def severity_at(finding: Finding, today: date, times: ActingTimes) -> Severity:
    """Return the severity of *finding* on *today*: from the last day to begin acting, a warning is an error."""
    is_late = finding.due is not None and today >= times.last_day(finding.actor, finding.due)
    return "error" if finding.severity == "warning" and is_late else finding.severity


def problem_of(
    finding: Finding, delegation: str, certificates: Iterable[ManagedCertificate], today: date, times: ActingTimes
) -> Problem:
    """Return a finding of *delegation* as a problem of *today*; *certificates*: of the delegation."""
    affected = [each for each in certificates if _affects(finding, each.spec)]
    consequence, on = _consequence(finding, affected)
    is_idle = consequence is Consequence.NONE
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
        command="" if is_idle else command_for(finding.code, finding.actor, delegation, finding.certificate),
        screen=finding.screen,
        security=finding.is_security,
    )


def _affects(finding: Finding, spec: CertificateSpec) -> bool:
    if finding.certificate:
        return finding.certificate == spec.name
    if finding.code not in DOMAIN_CODES or lists(finding, spec.names):
        return True
    return is_cut(finding) and (not finding.about or any(permits(finding.about, name) for name in spec.names))


def _consequence(finding: Finding, affected: Iterable[ManagedCertificate]) -> tuple[Consequence, date | None]:
    if finding.code in _CONSEQUENCES:
        return _CONSEQUENCES[finding.code], finding.due
    if finding.due and finding.code not in OUTAGES:
        return Consequence.ORDERS_STOP, finding.due
    served = [each.served for each in affected]
    if not served:  # there is none, or its record cannot be read
        return Consequence.ORDERS_STOP, None
    if None in served:
        return Consequence.NO_CERTIFICATE, None
    return Consequence.EXPIRES, min(each.not_after.date() for each in served if each)
