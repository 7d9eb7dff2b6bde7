"""What the next run must know of earlier ones (`runs/notified.json`).

What the operator has been notified of, what runs have failed for, and the delegations of the last daily run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Self

from renewal import records
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import RunOutcome, RunReport
from renewal.domain.setup.finding import RANKS, Severity

FAILED_AGAIN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Notified:
    """What is remembered of one problem."""

    severity: Severity
    """The worst that the operator was notified of: a problem that eases and gets worse again is the same one, unless a
    daily run had nothing to notify of it, because there was time until a later day."""
    first: datetime
    last: datetime
    """When the operator was notified of it."""
    failed_by: str = ""
    """The run that last failed for it, or had it as an outage; empty: none."""
    failed_at: datetime | None = None

    def is_recent_failure(self, report: RunReport) -> bool:
        """Whether another run has failed for it within the last day, and not at a time that a wrong clock recorded."""
        if self.severity != "error" or self.failed_at is None or self.failed_by == report.run_id:
            return False  # no run fails for an outage that can wait
        return timedelta(0) <= report.finished_at - self.failed_at < FAILED_AGAIN_AFTER


@dataclass(frozen=True, slots=True)
class NotifiedProblems:
    """What one run leaves to the next."""

    problems: Mapping[str, Notified] = field(default_factory=lambda: MappingProxyType({}))
    """By `Problem.key`: every problem that lasts."""
    delegations: tuple[str, ...] = ()
    """Those of the last daily run. The order book, or its index, may lose one with all its certificates; the next daily
    run reports each that no operator has removed since."""

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read `runs/notified.json`; nothing is remembered when it is missing or cannot be read."""
        try:
            return records.read(cls, document)
        except records.Unreadable:
            return cls()

    def news(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return the problems that the operator does not know, or knows as less severe."""
        return tuple(problem for problem in problems if self._is_news(problem))

    def named_since(self, began: datetime, ended: datetime, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return those of *problems* that the operator knows since the run *began*, by an earlier try of its report.

        *ended*: of the run. What a wrong clock has dated later is not of this run.
        """
        known = {key for key, entry in self.problems.items() if began <= entry.last <= ended}
        return tuple(problem for problem in problems if problem.key in known and not self._is_news(problem))

    def covers(self, report: RunReport) -> bool:
        """Return whether other runs have failed within the last day for all that needs attention in *report*.

        The hourly runs would otherwise fail, and raise the alarm, for one open order up to 24 times a day.
        """
        known = [self.problems.get(key) for key in report.failures]
        return all(entry is not None and entry.is_recent_failure(report) for entry in known)

    def after(self, report: RunReport, problems: Iterable[Problem], named: Iterable[Problem]) -> NotifiedProblems:
        """Return what is remembered after *report* with *problems*, when an alert has *named* some of them."""
        now, by_key = report.finished_at, {problem.key: problem for problem in problems}
        kept = {key: entry for key, entry in self.problems.items() if key in by_key or _may_last(key, report)}
        names = {problem.key for problem in named}
        for key, problem in by_key.items():
            if key in names:
                entry = kept.get(key) or Notified(problem.severity, now, now)
                kept[key] = replace(entry, severity=problem.severity, last=now)
            elif key not in kept or self._is_news(problem):
                continue  # the next run names it, unless another problem explains it
            if report.dry_run and kept[key].failed_by:
                continue  # the report of the run before has why; a dry run stores nothing
            if report.outcome is RunOutcome.FAILED if problem.needs_attention else problem.is_outage:
                kept[key] = replace(kept[key], failed_by=report.run_id, failed_at=now)
        return NotifiedProblems(kept, report.covered_delegations if report.is_daily else self.delegations)

    def _is_news(self, problem: Problem) -> bool:
        known = self.problems.get(problem.key)
        if problem.severity == "info":
            return False
        return known is None or RANKS[problem.severity] < RANKS[known.severity]


def _may_last(key: str, report: RunReport) -> bool:
    """Whether a problem that *report* does not have may last.

    The run did not work on its path, or could not, or was asked for certificates that the finding does not concern.
    """
    path, _, cause = key.partition(": ")
    if report.is_daily:
        return path.partition("/")[0] in {row.delegation for row in report.delegations if row.error}
    found = {finding.code for row in report.delegations if row.delegation == path for finding in row.findings}
    return path not in report.resolved or cause.partition(" ")[0] in found
