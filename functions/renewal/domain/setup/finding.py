"""Findings: what is not right with a delegation, who must act, and by when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from renewal.domain.errors import Actor, NeedsPerson
from renewal.domain.setup.scm_menu import screen_of

SECURITY = frozenset(
    {"NameExtra", "NoDepartment", "NotApiOnly", "PrivilegeExtra", "RoleExtra", "TypesExtra", "WiderThanWanted"}
)
"""Codes that say that we, or whoever gets the password, could do more than was agreed."""

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not right. `code` is the name of an error or of a check; never a secret in `text`."""

    code: str
    severity: Severity
    actor: Actor
    text: str
    certificate: str = ""
    """Empty = it concerns the whole delegation."""
    due: date | None = None
    """By when somebody must have acted; None = now."""
    screen: str = ""
    """Where in SCM, in SCM's own words (`renewal.domain.setup.scm_menu`)."""

    @property
    def is_security(self) -> bool:
        """Whether it says that we could do more than was agreed."""
        return self.code in SECURITY


def finding_from(error: NeedsPerson, certificate: str = "") -> Finding:
    """Return the finding that an error amounts to."""
    code = type(error).__name__
    return Finding(code, "error", error.actor, str(error), certificate, screen=screen_of(code))


MOST = 100  # so many are stored: a mistake that strikes a thousand certificates is one mistake
_RANKS: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


def sorted_and_capped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return *findings* as a person wants them: each once, errors first, then by date; a hundred at most.

    Without a date it is to be done now. When there are more than a hundred, the last one says how many are left out.
    """
    found = sorted(
        set(findings), key=lambda one: (_RANKS[one.severity], one.due or date.min, one.code, one.certificate, one.text)
    )
    if len(found) <= MOST:
        return tuple(found)
    left = len(found) - MOST + 1
    first = found[MOST - 1]
    text = f"{left} more findings are not listed; mend these first"
    return (*found[: MOST - 1], Finding("MoreFindings", first.severity, first.actor, text))
