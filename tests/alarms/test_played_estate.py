"""Months of an estate with random trouble: each incident is notified once, and nothing else is.

`python -m campaign.alarms` plays two years of twenty delegations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from campaign.alarms import play as playing
from campaign.alarms import troubles
from campaign.alarms.evaluation import ALARM, OK, Alarm
from campaign.alarms.play import play
from campaign.alarms.shipped import shipped_alarms
from renewal.domain.alerts import crossings
from renewal.domain.alerts.crossings import _old_order as old_order
from renewal.domain.alerts.crossings import notifiable
from renewal.domain.alerts.memory import NotifiedProblems
from renewal.domain.run.report import CertificateRow, Outcome, RunReport
from renewal.steps import report as reporting
from renewal.steps.reporting import alert_sender
from renewal.steps.reporting.metrics import run_metrics

DELEGATIONS, DAYS = 5, 120
FEW_RUNS, HOURLY_RUNS = 8, 6
"""Seeds; in the second one, orders are open for weeks, and some of them cannot be stored."""


@pytest.fixture(autouse=True)
def dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trouble of each delegation every ten days or so, and one of all every two weeks."""
    monkeypatch.setattr(troubles, "DAYS_BETWEEN", 10)
    monkeypatch.setattr(troubles, "DAYS_BETWEEN_OUTAGES", 15)


def test_each_incident_is_notified_once_and_nothing_else() -> None:
    """Fault N1, over orders, expiries, passwords, failures, refused credentials and findings."""
    played = [play(seed, DELEGATIONS, DAYS) for seed in (FEW_RUNS, HOURLY_RUNS)]

    assert [each.violations for each in played] == [(), ()]
    assert len({name for each in played for name in each.by_name}) == 10
    assert all(each.alerts <= each.incidents for each in played)


def test_a_healthy_estate_sends_nothing() -> None:
    """No alert in a year, and of the alarms one OK each, when they are made, unless they count events."""
    played = play(FEW_RUNS, 3, 365, healthy=True)

    assert (played.alerts, played.violations) == (0, ())
    assert {message.state for message in played.messages} == {"OK"}
    assert Counter(message.alarm for message in played.messages) == Counter(
        alarm.name for alarm in shipped_alarms() if OK in alarm.acts_on
    )
    assert played.runs >= 365


def muted(self: NotifiedProblems, problems: Any) -> Any:
    """As a gauge over all delegations does: the first problem of a kind mutes the others."""
    known = {key.partition(": ")[2] for key in self.problems}
    return tuple(problem for problem in problems if problem.code not in known)


def forgetful(self: NotifiedProblems, report: RunReport, problems: Any, named: Any) -> NotifiedProblems:
    return NotifiedProblems()


def failures_only(report: RunReport, _thresholds: Any) -> Any:
    return tuple(problem for problem in report.problems if problem.needs_attention)


def misnamed(report: RunReport, thresholds: Any) -> Any:
    """Of something else than what lasts."""
    return tuple(replace(problem, code="KeyLost") for problem in notifiable(report, thresholds))


def unmetered(report: RunReport, named: Any) -> dict[str, float]:
    """An order that is not ours is in an alert, and raises no alarm."""
    return run_metrics(report, named) | {"NewOrdersNotOurs": 0.0}


def as_a_gauge(report: RunReport, named: Any) -> dict[str, float]:
    """Each run counts all that is open: the alarm goes off every day for one order."""
    return run_metrics(report, named) | {"NewOrdersNotOurs": float(len(report.problems))}


def unexplained(row: CertificateRow, report: RunReport, hours: int) -> Any:
    """An old order is notified although the operator knows the error of its certificate."""
    return old_order(replace(row, outcome=Outcome.PENDING), report, hours)


def noisy() -> tuple[Alarm, ...]:
    """As the alarms were: RunFailed was OK five minutes after each failure, while its cause lasted."""
    return tuple(replace(alarm, acts_on=frozenset({ALARM, OK})) for alarm in shipped_alarms())


@pytest.mark.parametrize(
    ("seed", "owner", "name", "instead", "violation"),
    [
        (FEW_RUNS, NotifiedProblems, "news", muted, "missing"),
        (FEW_RUNS, NotifiedProblems, "after", forgetful, "twice"),
        (FEW_RUNS, alert_sender, "notifiable", failures_only, "missing"),
        (FEW_RUNS, alert_sender, "notifiable", misnamed, "false"),
        (HOURLY_RUNS, NotifiedProblems, "covers", lambda *_: True, "alarm: RunFailed missing"),
        (HOURLY_RUNS, NotifiedProblems, "covers", lambda *_: False, "alarm: RunFailed for nothing new"),
        (FEW_RUNS, reporting, "run_metrics", unmetered, "alarm: OrderNotOurs missing"),
        (FEW_RUNS, reporting, "run_metrics", as_a_gauge, "alarm: OrderNotOurs for nothing new"),
        (HOURLY_RUNS, crossings, "_old_order", unexplained, "false"),
        (FEW_RUNS, playing, "shipped_alarms", noisy, "alarm: certmandate-RunFailed is OK"),
    ],
    ids=[
        "gauge",
        "no memory",
        "no thresholds",
        "another name",
        "never fails again",
        "fails each hour",
        "no metric",
        "metric of all",
        "age of a failed order",
        "OK each day",
    ],
)
def test_the_play_detects(
    monkeypatch: pytest.MonkeyPatch, seed: int, owner: Any, name: str, instead: Callable[..., Any], violation: str
) -> None:
    """Each as it was before, or could become."""
    monkeypatch.setattr(owner, name, instead)

    found = play(seed, DELEGATIONS, DAYS).violations

    assert any(each.startswith(violation) for each in found), found[:5]
