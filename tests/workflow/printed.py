"""What views that people read have of problems: lines of text, items of alerts, tasks of the page."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import starmap
from typing import Any

from renewal.domain.alerts.crossings import NEAR_EXPIRY
from renewal.domain.judgement.problem import Problem
from tests.workflow.after_run import Row, rows

Compared = tuple[Any, Any]
"""What the run reported, and what a view has."""

LINE = ("severity", "code", "actor", "remedy")
"""What a line of `status`, and of a run's page, has of all problems with one cause, besides their texts."""
ITEM = ("path", "code", "actor", "until", "consequence_on", "remedy")
"""What an alert has of a problem, besides its text."""
TASK = ("severity", "delegation", "code", "actor")
"""What a task of `status --html` is about."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LINE = re.compile(r"(error|warning|info): .*\((?:security, )?(\w+); for the (\w+)([^()]*)\)$")
_OTHERWISE = re.compile(
    r"(?:^|; )(?:otherwise [^;]*|[^;]* (?:expired|stopped|ended) on \d{4}-\d\d-\d\d(?:, and .+ none)?)$"
)
_SECTION = re.compile(r"^([A-Z]\w+)\n((?:[- ] .*\n?)+)", re.MULTILINE)
_ITEM = re.compile(r"^- (\S+): the (operator|RAO) must (?:act|begin) (.*)((?:\n  .*)*)", re.MULTILINE)
_REMEDY = re.compile(r"^[A-Z](?=[a-z])")
"""The capital of a sentence; a menu path begins with `SCM: `."""
_TASK = re.compile(r'<li class="task (\w+)">(.*?)</li>', re.DOTALL)


def lines(problems: Sequence[Problem], text: str) -> Compared:
    """Lines of causes; the day of a consequence is that of a problem with this cause."""
    causes = {rows([each], LINE)[0]: set[str]() for each in problems}
    for each in problems:
        causes[rows([each], LINE)[0]].add(str(each.consequence_on or ""))
    expected, found = [], []
    for severity, code, actor, rest in filter(None, (_parsed(line) for line in text.splitlines())):
        remedy = _OTHERWISE.sub("", rest)
        row = (severity, code, actor, remedy)
        (day,) = _DAY.findall(rest.removeprefix(remedy)) or [""]
        found.append((row, day))
        expected.append((row, day if day in causes.get(row, ()) else causes.get(row)))
    return (set(causes), expected), ({row for row, _ in found}, found)


def _parsed(line: str) -> tuple[str, str, str, str] | None:
    match = _LINE.search(line)
    if match is None:
        return None
    severity, code, actor, rest = match.groups()
    rest = re.sub(rf"^ (?:now|by {_DAY.pattern})", "", rest).removeprefix("; ").replace("`", "")
    return severity, code, actor.lower(), rest


def items(text: str) -> Iterator[Row]:
    """The items of alerts; of several with one cause, the first one has the remedy of all."""
    for name, section in _SECTION.findall(text):
        remedies: dict[str, str] = {}
        for path, actor, when, rest in _ITEM.findall(section):
            details, delegation = [line.strip() for line in rest.splitlines()], path.partition("/")[0]
            if "The same cause." not in details:
                remedies[delegation] = _REMEDY.sub(lambda start: start[0].lower(), details[-1].removeprefix("Run: "))
            otherwise = [line for line in details if _OTHERWISE.fullmatch(line.removesuffix(".").lower())]
            begin = "".join(_DAY.findall(when)) or when
            day = "".join(_DAY.findall(" ".join(otherwise[-1:])))
            yield path, name, actor.lower(), begin, day, remedies.get(delegation, "")


def with_until(problem: Mapping[str, Any], today: date) -> Mapping[str, Any]:
    """Add until when an alert says that the actor must begin."""
    day = str(problem["act_by"] or "")
    is_urgent = problem["severity"] == "error" and problem["code"] != NEAR_EXPIRY
    return {**problem, "until": day if day > str(today) else "now" if is_urgent or day else "soon"}


def remedy_and_day(problem: Problem, day: Callable[[date], str] = str) -> Iterator[str]:
    """The command or the menu path, and the day of the consequence."""
    if remedy := problem.command or (problem.actor == "rao" and problem.screen):
        yield remedy
    if problem.consequence_on and problem.consequence.sentence:
        yield day(problem.consequence_on)


def farthest(problem: Problem) -> int:
    """Sort key: the nearest consequence last."""
    return -(problem.consequence_on or date.max).toordinal()


def _task(severity: str, content: str) -> tuple[Row, str]:
    """What a task is about, and its text."""
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", content.replace("</dd>", " "))).split())
    subject = re.search(r'<p class="subject">([\w-]+)', content)
    code = re.search(r"docs/runbook\.md, (?:<\w+>)?(\w+)", content)
    assert subject
    assert code
    actor = "rao" if re.search(r"<dd>(?:The|Le) RAO", content) else "operator"
    return (severity, subject[1], code[1], actor), text


def tasks(page: str) -> dict[Row, str]:
    """The tasks of a page, by what each is about."""
    return dict(starmap(_task, _TASK.findall(page)))
