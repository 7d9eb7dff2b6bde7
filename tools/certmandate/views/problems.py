"""A problem as text: the same in `status`, `show`, `check`, `findings` and the page of a run."""

from __future__ import annotations

from datetime import date

from renewal.domain.judgement.problem import Consequence, Problem

_CONSEQUENCES = {
    Consequence.EXPIRES: "the certificate expires",
    Consequence.NO_CERTIFICATE: "there is no certificate",
    Consequence.REVOKED: "clients may refuse the certificate",
    Consequence.ORDERS_STOP: "no more certificates are ordered",
    Consequence.MISUSE: "more can be ordered than was agreed",
    Consequence.OTHER_SERVED: "clients meet another certificate",
    Consequence.USAGE_ENDS: "renewed certificates lack the usage",
    Consequence.UNNOTICED: "other faults are not found",
    Consequence.NONE: "",
}
_LASTING = frozenset((Consequence.ORDERS_STOP, Consequence.USAGE_ENDS))
"""They begin on a day and go on."""


def problem_line(problem: Problem, today: date) -> str:
    """Return one problem as a line: where, what, who, by when, how, and what happens otherwise."""
    who = "the RAO" if problem.actor == "rao" else "the operator"
    until = f" by {problem.due}" if problem.due and problem.due > today else ""
    kind = f"security, {problem.code}" if problem.security else problem.code
    remedy = f"SCM: {problem.screen}" if problem.actor == "rao" and problem.screen else problem.command
    parts = [kind, f"for {who}{until}", remedy, otherwise(problem, today)]
    subject = f"{problem.path}: " if problem.path else ""
    return f"{problem.severity}: {subject}{problem.text} ({'; '.join(part for part in parts if part)})"


def otherwise(problem: Problem, today: date) -> str:
    """Return what happens unless the actor acts, or has happened; empty when nothing does."""
    if problem.consequence is Consequence.EXPIRES and problem.consequence_on and problem.consequence_on <= today:
        return f"the certificate expired on {problem.consequence_on}"
    text = _CONSEQUENCES[problem.consequence]
    return f"otherwise {text}{_when(problem)}" if text else ""


def _when(problem: Problem) -> str:
    preposition = "from" if problem.consequence in _LASTING else "on"
    return f" {preposition} {problem.consequence_on}" if problem.consequence_on else ""
