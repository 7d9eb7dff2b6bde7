"""Findings: what is not right with a delegation, who must act, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from renewal.domain.errors import Actor, NeedsPerson

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
    """Where in SCM, e.g. `Domains`, in SCM's own words."""


def finding_from(error: NeedsPerson, certificate: str = "") -> Finding:
    """Return the finding that an error amounts to."""
    return Finding(type(error).__name__, "error", error.actor, str(error), certificate)
