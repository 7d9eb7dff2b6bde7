"""A problem as text: the same in `status`, `show`, `check`, `findings` and the page of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from renewal.domain.judgement.problem import Consequence, Problem
from renewal.domain.setup.domain_checks import some

_CONSEQUENCES = {
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


def problem_lines(problems: Iterable[Problem], today: date) -> Iterator[str]:
    """Yield a line for each cause: where, what, who, by when, how, and what happens otherwise.

    A refused login stops every certificate of its delegation: it is one line, at the place of the most urgent problem.
    """
    return (_line(group, today) for group in by_cause(problems))


def by_cause(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Return the problems that one action resolves together, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        place = problem.delegation or problem.key
        cause = place, problem.severity, problem.code, problem.about, problem.actor, problem.text, problem.command
        groups.setdefault(cause, []).append(problem)
    return list(groups.values())


def _line(group: Sequence[Problem], today: date) -> str:
    of_certificates = [problem for problem in group if problem.certificate]
    first = min(of_certificates or group, key=lambda problem: problem.consequence_on or date.min)
    who = "the RAO" if first.actor == "rao" else "the operator"
    due = min(problem.due or today for problem in group)
    until = f" by {due}" if due > today else ""
    kind = f"security, {first.code}" if first.security else first.code
    remedy = f"SCM: {first.screen}" if first.actor == "rao" and first.screen else first.command
    parts = [kind, f"for {who}{until}", remedy, otherwise(first, today, len(_certificates(group)))]
    return f"{first.severity}: {_subject(group)}{first.text} ({'; '.join(part for part in parts if part)})"


def _subject(group: Sequence[Problem]) -> str:
    """Name the delegation or the certificate; several with the names of the certificates."""
    if len(group) == 1:
        return f"{group[0].path}: " if group[0].path else ""
    return f"{group[0].delegation} ({some(_certificates(group))}): "


def _certificates(group: Iterable[Problem]) -> list[str]:
    return [problem.certificate for problem in group if problem.certificate]


def otherwise(problem: Problem, today: date, count: int = 1) -> str:
    """Return what happens unless the actor acts, or has happened; empty when nothing does.

    *count*: how many certificates it concerns.
    """
    which = "the first certificate" if count > 1 else "the certificate"
    is_expiry = problem.consequence is Consequence.EXPIRES
    if is_expiry and problem.consequence_on and problem.consequence_on <= today:
        return f"{which} expired on {problem.consequence_on}"
    text = f"{which} expires" if is_expiry else _CONSEQUENCES[problem.consequence]
    return f"otherwise {text}{_when(problem)}" if text else ""


def _when(problem: Problem) -> str:
    preposition = "from" if problem.consequence in _LASTING else "on"
    return f" {preposition} {problem.consequence_on}" if problem.consequence_on else ""
