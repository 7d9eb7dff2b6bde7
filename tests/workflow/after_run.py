"""An estate after its daily run, and the problems that the run reported."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, fields
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from moto.sns.models import sns_backends

from local.cloudformation.parameters import ACCOUNT, REGION
from local.mails import accepted
from renewal import records
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import RunReport
from tests.certmandate.desk import Desk, operated
from tests.workflow.system import Ended, started

Row = tuple[str, ...]
"""Members of a problem as text; empty for none."""

PROBLEM = tuple(field.metadata.get("stored", field.name) for field in fields(Problem))
ASKED = ("delegation", "certificate", "code", "severity", "actor", "screen", "security", "due")
"""What the RAO's documents have of a problem in JSON, apart from its text; the mails beside it have more."""
_LATER = re.compile(r"( \((?:run of|failed) [^)]+\))?(; no new order before .*)?$")


@dataclass(frozen=True)
class AfterRun:
    """An estate after its daily run."""

    desk: Desk
    ended: Ended
    report: RunReport
    metrics: Mapping[str, float]
    alerts: str
    """Their texts."""
    mails: Sequence[EmailMessage]
    """Those that SES has accepted."""

    @property
    def names(self) -> list[str]:
        """The delegations."""
        delegations, _ = self.desk.book.everything()
        return [record.delegation.name for record in delegations]

    @property
    def inspected(self) -> list[str]:
        """The delegations that were inspected; the others have no page of findings."""
        return [name for name in self.names if self.desk.book.delegation(name).inspection]

    @property
    def today(self) -> date:
        """The day of the run."""
        return self.report.finished_at.date()

    @property
    def urgent(self) -> list[Problem]:
        """What needs attention."""
        return [problem for problem in self.report.problems if problem.needs_attention]

    def problems(self, members: Sequence[str] = PROBLEM, names: Iterable[str] | None = None) -> list[Row]:
        """The problems that the run reported, of all delegations or some."""
        chosen = self.names if names is None else names
        return rows((each for each in self.report.problems if each.delegation in chosen), members)

    def asked(self, names: Iterable[str]) -> list[Row]:
        """Those for the RAO; a certificate that expires is no day by which the RAO may act."""
        found = [each for each in self.report.problems if each.actor == "rao" and each.delegation in names]
        return rows(({**facts(each), "due": None} if each.consequence == "expires" else each for each in found), ASKED)


def rows(problems: Iterable[Problem | Mapping[str, Any]], members: Sequence[str] = PROBLEM) -> list[Row]:
    """Return *members* of problems; a text without what only views that are made later have: when, and until when."""
    found = (each if isinstance(each, Mapping) else facts(each) for each in problems)
    return sorted(tuple(_LATER.sub("", str(each[member] or "")) for member in members) for each in found)


def facts(problem: Problem) -> dict[str, Any]:
    """The members of a problem, and what views make of them."""
    return records.to_json(problem) | {"path": problem.path, "remedy": problem.remedy}


@contextmanager
def after_a_run(folder: Path, *command: str) -> Iterator[AfterRun]:
    """Start the estate in *folder*, run *command* if there is one, and then the estate once."""
    with started(folder) as system, operated(system, folder / "delegations") as desk:
        if command:
            desk.run(*command)
        known, mailed, printed = len(notifications()), len(accepted()), io.StringIO()
        with redirect_stdout(printed):
            ended = system.run()
        assert ended.report
        alerts = "\n".join(notifications()[known:])
        yield AfterRun(desk, ended, ended.report, _metrics(printed.getvalue()), alerts, accepted()[mailed:])


def notifications() -> list[str]:
    """The texts of all alerts so far."""
    topics = sns_backends[ACCOUNT][REGION].topics.values()
    return [message for topic in topics for _, message, *_ in topic.sent_notifications]


def _metrics(printed: str) -> dict[str, float]:
    """The metrics that the report's function has published, in CloudWatch's embedded format."""
    found = [json.loads(line) for line in printed.splitlines() if line.startswith('{"_aws"')]
    (found,) = [line for line in found if "RunCompleted" in line]
    return {name: value[0] if isinstance(value, list) else value for name, value in found.items() if name != "_aws"}
