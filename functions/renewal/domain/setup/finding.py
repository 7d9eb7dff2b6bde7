"""Findings: what is wrong with a delegation, who must act, and by when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from renewal.domain.errors import Actor, NeedsAttention, shortened
from renewal.domain.setup.scm_menu import screen_of

ORDER_NOT_OURS = "OrderNotOurs"
"""Code of the findings about orders that the order book does not have (`renewal.domain.setup.foreign_orders`)."""
ARN_REPLACED = "ArnReplaced"
"""Code of the findings about ARNs that are in use and get no new certificate any more (`StoredCertificate`)."""
SECURITY = frozenset(
    {
        "NameExtra", "NoDepartment", "NotApiOnly", ORDER_NOT_OURS, "PrivilegeExtra", "RoleExtra", "TypesExtra",
        "WiderThanWanted",
    }
)  # fmt: skip
"""Codes of findings by which the account, or a thief of its password, can do more than was agreed, or has done it."""

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `code` is the name of an error or of a check; `text` never has a secret."""

    code: str
    severity: Severity
    actor: Actor
    text: str
    certificate: str = ""
    """Empty = it concerns the whole delegation."""
    due: date | None = None
    """By when the actor must have acted; None = now."""
    screen: str = ""
    """Where in SCM, as SCM's menu has it (`renewal.domain.setup.scm_menu`)."""
    about: str = ""
    """Which one, where there may be several with one code: an SSL ID, a serial, a store, a domain, privileges."""

    @property
    def is_security(self) -> bool:
        """Whether the account can do more than was agreed, or has done it."""
        return self.code in SECURITY


def finding_in_scm(
    code: str,
    severity: Severity,
    actor: Actor,
    text: str,
    certificate: str = "",
    due: date | None = None,
    about: str = "",
) -> Finding:
    """Return a finding with the screen on which its fault is fixed."""
    return Finding(code, severity, actor, text, certificate, due, screen_of(code), about)


def finding_from(error: NeedsAttention, certificate: str = "") -> Finding:
    """Return *error* as a finding."""
    return finding_in_scm(type(error).__name__, "error", error.actor, str(error), certificate)


MOST = 100  # findings that are stored: a fault that affects a thousand certificates is one fault
LONGEST = 1_000  # characters of a finding's text; a hundred of them are a quarter of what an item may hold
LONGEST_ABOUT = 200
RANKS: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


def expires_on(day: date, today: date) -> str:
    """Return `expires on` *day*, or `expired on` it, as it is *today*: the last day still counts."""
    return f"{'expired' if day < today else 'expires'} on {day}"


def sorted_and_capped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return *findings* each once, errors first, then by date (none = now); of more than a hundred, the last counts.

    Orders that are not ours are the first of the errors, so that no other fault hides one.
    """
    ordered = sorted({_shortened(finding) for finding in findings}, key=_urgency)
    if len(ordered) <= MOST:
        return tuple(ordered)
    left = len(ordered) - MOST + 1
    first = ordered[MOST - 1]
    text = f"{left} more findings are not listed; resolve these first"
    return (*ordered[: MOST - 1], Finding("MoreFindings", first.severity, first.actor, text))


def _shortened(finding: Finding) -> Finding:
    return replace(finding, text=shortened(finding.text, LONGEST), about=shortened(finding.about, LONGEST_ABOUT))


def _urgency(finding: Finding) -> tuple[int, bool, date, str, str, str]:
    is_other, due = finding.code != ORDER_NOT_OURS, finding.due or date.min
    return RANKS[finding.severity], is_other, due, finding.code, finding.certificate, finding.text
