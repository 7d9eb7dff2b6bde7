"""When the RAO is notified of a problem: when it appears, when it gets worse, and as its consequence comes closer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from renewal.domain.notices.notice import Notice, NoticeKind, Notices, NotifiedProblem

STAGES = (1, 3, 7, 14)
"""Days to the consequence at which another notice is due, besides the one when the problem appears."""
LATER, NOW = STAGES[-1] + 1, 0
FORGOTTEN = timedelta(days=3)
"""A problem that was not found for this long is over. An inspection that is interrupted hides others' findings."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something on which the RAO must act. `key` identifies it from day to day."""

    key: str
    code: str
    severity: Literal["info", "warning", "error"]
    act_by: date | None
    """By when the RAO must have acted; None = now."""

    @property
    def is_error(self) -> bool:
        """Whether something fails because of it today."""
        return self.severity == "error"

    def stage(self, today: date) -> int:
        """Return the stage that *today* belongs to: `NOW`, one of `STAGES`, or `LATER`."""
        left = (self.act_by - today).days if self.act_by else NOW
        return NOW if left <= NOW else next((days for days in STAGES if left <= days), LATER)


def notices_due(problems: Iterable[Problem], notices: Notices, to: str, today: date) -> tuple[Problem, ...]:
    """Return of which of *problems* the RAO at *to* (empty = mails are off) is to be notified today."""
    before = _by_key(notices)
    return tuple(problem for problem in problems if _is_due(problem, before.get(problem.key), to, today))


def _is_due(problem: Problem, before: NotifiedProblem | None, to: str, today: date) -> bool:
    if before is None or (to and before.to != to):
        return True
    if problem.severity == "info":
        return False
    has_changed = (problem.is_error and not before.is_error) or _day(problem.act_by) < _day(before.act_by)
    return has_changed or problem.stage(today) < before.stage


def _day(act_by: date | None) -> date:
    return act_by or date.min


def claimed(notices: Notices, problems: Iterable[Problem], to: str, now: datetime) -> Notices:
    """Return the record with the notice that is due now, if one is; the problems that it names have its time."""
    found = tuple({problem.key: problem for problem in problems}.values())
    due = notices_due(found, notices, to, now.date())
    before = _by_key(notices)
    kept = [
        _named(problem, to, now) if problem in due else _still_open(problem, before[problem.key]) for problem in found
    ]
    keys = {problem.key for problem in found}
    absent = (_absent(problem, now.date()) for problem in notices.problems if problem.key not in keys)
    after = replace(notices, problems=(*kept, *(problem for problem in absent if problem)))
    return after.with_notice(Notice(now, NoticeKind.PROBLEMS, to, tuple(each.code for each in due))) if due else after


def _named(problem: Problem, to: str, now: datetime) -> NotifiedProblem:
    return NotifiedProblem(problem.key, problem.stage(now.date()), problem.is_error, problem.act_by, now, to)


def _still_open(problem: Problem, before: NotifiedProblem) -> NotifiedProblem:
    """Keep the worst that a notice has named: a date that moves back and forth is one approach."""
    act_by = before.act_by if _day(before.act_by) <= _day(problem.act_by) else problem.act_by
    return replace(before, act_by=act_by, is_error=before.is_error or problem.is_error, absent_since=None)


def _absent(problem: NotifiedProblem, today: date) -> NotifiedProblem | None:
    since = problem.absent_since or today
    return None if today - since >= FORGOTTEN else replace(problem, absent_since=since)


def _by_key(notices: Notices) -> Mapping[str, NotifiedProblem]:
    return {problem.key: problem for problem in notices.problems}
