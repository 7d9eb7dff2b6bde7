"""A problem as text: the same in `status`, `show`, `check`, `findings` and the page of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from renewal.domain.judgement.problem import Problem
from renewal.domain.setup.domain_checks import some


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


def typed(problem: Problem) -> str:
    """Return the remedy, a command in backticks, so that it is not wrapped."""
    return f"`{problem.command}`" if problem.command else problem.remedy


def _line(group: Sequence[Problem], today: date) -> str:
    of_certificates = [problem for problem in group if problem.certificate]
    first = min(of_certificates or group, key=lambda problem: problem.consequence_on or date.min)
    who = "the RAO" if first.actor == "rao" else "the operator"
    due = min(problem.due or today for problem in group)
    until = f" by {due}" if due > today else ""
    kind = f"security, {first.code}" if first.security else first.code
    parts = [kind, f"for {who}{until}", typed(first), first.otherwise(today, len(_certificates(group)))]
    return f"{first.severity}: {_subject(group)}{first.text} ({'; '.join(part for part in parts if part)})"


def _subject(group: Sequence[Problem]) -> str:
    """Name the delegation or the certificate; several with the names of the certificates."""
    if len(group) == 1:
        return f"{group[0].path}: " if group[0].path else ""
    return f"{group[0].delegation} ({some(_certificates(group))}): "


def _certificates(group: Iterable[Problem]) -> list[str]:
    return [problem.certificate for problem in group if problem.certificate]
