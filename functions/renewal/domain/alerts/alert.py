"""The alert of problems that are new to the operator: a subject of one line, and a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from renewal.domain.errors import shortened
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import RunReport

LONGEST_SUBJECT = 99
"""Characters (AWS: sns/latest/api/API_Publish.html)."""
MOST_LISTED = 100
"""Problems in one alert: with all of their texts, in letters of four bytes, they have less than SNS's 256 KB."""
_ACTORS = {"operator": "the operator", "rao": "the RAO"}


@dataclass(frozen=True, slots=True)
class Alert:
    """What is sent to the subscribers of the stack's topic."""

    subject: str
    text: str

    @classmethod
    def of(cls, problems: Sequence[Problem], report: RunReport, stack: str, location: str) -> Alert:
        """Return the alert of *problems*, at least one; *location*: where the report is."""
        today = report.finished_at.date()
        listed = sorted(problems[:MOST_LISTED], key=_by_cause)
        lines = [f"Stack {stack}, run {report.run_id}, {report.finished_at:%Y-%m-%d %H:%M}Z."]
        lines += [report.common_cause] if report.common_cause else []
        for code, group in groupby(listed, key=lambda problem: problem.code):
            lines += ["", shortened(code), *_listed(group, today)]
        if left := len(problems) - len(listed):
            lines += ["", f"{left} more problems are not listed, and the next run sends them: certmandate status"]
        lines += [
            "",
            "What each name means, and what to do: docs/runbook.md.",
            f"All that is open: certmandate status. This run: {location}",
            "Each problem is notified once, and again when it becomes more severe or returns.",
        ]
        return cls(_subject(problems, stack), "\n".join(lines))


def _subject(problems: Sequence[Problem], stack: str) -> str:
    first = problems[0]
    counted = "" if len(problems) == 1 else f"{len(problems)} problems, "
    others = "" if len(problems) == 1 else ", ..."
    line = f"[{stack}] {counted}{first.code}: {first.path or 'all delegations'}{others}"
    cut = shortened(line, LONGEST_SUBJECT - 2).replace("…", "...")  # some subscribers get ASCII only
    return cut.encode("ascii", "replace").decode()


def _by_cause(problem: Problem) -> tuple[str, str, bool]:
    """Sort key: what stops a whole delegation before its certificates."""
    return problem.code, problem.delegation, bool(problem.certificate)


def _listed(problems: Iterable[Problem], today: date) -> Iterator[str]:
    """Yield the lines of each problem; of several with one cause, text and remedy once, with the first."""
    listed: set[tuple[str, ...]] = set()
    for problem in problems:
        cause = problem.delegation, problem.text, problem.remedy
        who = f"{_ACTORS[problem.actor]} must {_when(problem, today)}"
        yield shortened(f"- {problem.path or 'all delegations'}: {who}")
        if cause in listed:
            yield from _indented(("The same cause.", _otherwise(problem, today)))
            continue
        listed.add(cause)
        yield from _indented((problem.text, _otherwise(problem, today), _remedy(problem)))


def _when(problem: Problem, today: date) -> str:
    is_early = problem.act_by is not None and problem.act_by > today
    if problem.needs_attention:
        return f"act now ({problem.act_by} is the last day to begin in time)" if is_early else "act now"
    if problem.act_by is None:
        return "act soon"
    return f"begin by {problem.act_by}" if is_early else "act now"


def _remedy(problem: Problem) -> str:
    is_command = problem.remedy.startswith("certmandate ")
    return f"Run: {problem.remedy}" if is_command else _capitalised(problem.remedy)


def _otherwise(problem: Problem, today: date) -> str:
    text = problem.otherwise(today)
    return text and f"{_capitalised(text)}."


def _capitalised(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _indented(texts: Iterable[str]) -> Iterator[str]:
    return (f"  {shortened(text)}" for text in texts if text)
