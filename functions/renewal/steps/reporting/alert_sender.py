"""The alert of a run's new problems."""

from __future__ import annotations

from dataclasses import dataclass

from renewal.domain.alerts.alert import MOST_LISTED, Alert
from renewal.domain.alerts.crossings import Thresholds, notifiable
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.judgement.problem import Problem
from renewal.domain.run.report import RunReport
from renewal.ports.runs import Alerts, RunArchive


@dataclass(frozen=True, slots=True)
class AlertSender:
    """Sends one alert with a run's new problems, and remembers them."""

    archive: RunArchive
    alerts: Alerts
    thresholds: Thresholds
    stack: str
    """The stack's name, in each subject."""

    def __call__(self, report: RunReport, known: NotifiedProblems, location: str) -> tuple[Problem, ...]:
        """Return the problems that the alert named, now or in a try whose answer was lost.

        Raises StoreUnavailable and StoreRefused when no alert was sent.

        *location*: where the report is. A problem is remembered after its alert was sent: a run that ends in between
        sends it again.
        """
        problems = notifiable(report, self.thresholds)
        news = known.news(problems)
        if news:
            self.alerts.publish(Alert.of(news, report, self.stack, location))
        named = news[:MOST_LISTED]
        if (after := known.after(report, problems, named)) != known:
            self.archive.write_notified(after)
        return (*named, *known.named_since(report.started_at, report.finished_at, problems))
