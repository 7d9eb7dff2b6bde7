"""Plays an estate, its alerts and the shipped alarms side by side, and judges them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from campaign.alarms.evaluation import ALARM, INSUFFICIENT_DATA, OK, Data, Transition
from campaign.alarms.incidents import Watch, items_of
from campaign.alarms.played_estate import BEGINS, TERMS, PlayedEstate, PlayedRun
from campaign.alarms.shipped import shipped_alarms
from campaign.alarms.troubles import drawn

RUN_FAILED, FOREIGN_ORDER = "certmandate-RunFailed", "certmandate-OrderNotOurs"


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it."""

    runs: int
    incidents: int
    by_name: Counter[str]
    alerts: int
    items: int
    """Problems in all alerts."""
    messages: tuple[Transition, ...]
    """Of the alarms."""
    violations: tuple[str, ...]


def play(seed: int, delegations: int, days: int, *, healthy: bool = False) -> Figures:
    """Play *days* of so many delegations."""
    random = Random(seed)  # noqa: S311 - of a history
    names = [f"d{number}" for number in range(delegations)]
    estate = PlayedEstate(random, () if healthy else drawn(random, names, days))
    for number, name in enumerate(names):
        estate.add(name, TERMS[number % len(TERMS)], random.randint(1, 3))
    watch, data, runs = Watch(estate), Data(), 0
    for hour in range(days * 24):  # schedules invoke functions whatever runs do
        data.put(BEGINS + timedelta(hours=hour), ("AWS/Lambda", "Invocations"), 1.0)
    for run in estate.days(days):
        runs += 1
        watch.observe(run)
        _publish(run, data)
    watch.close()
    ends = BEGINS + timedelta(days=days)
    messages = [message for alarm in shipped_alarms() for message in alarm.transitions(data, BEGINS, ends)]
    return Figures(
        runs=runs,
        incidents=len(watch.incidents),
        by_name=watch.by_name(),
        alerts=len(estate.sent),
        items=sum(1 for sent in estate.sent for _ in items_of(sent.at, sent.alert.text)),
        messages=tuple(messages),
        violations=(*watch.violations, *_of_alarms(watch, messages)),
    )


def _publish(run: PlayedRun, data: Data) -> None:
    at = run.report.finished_at
    for name, value in run.metrics.items():
        data.put(at, ("certmandate", name), value)
    if run.report.outcome == "failed":
        data.put(at, ("AWS/States", "ExecutionsFailed"), 1.0)


def _of_alarms(watch: Watch, messages: list[Transition]) -> Iterator[str]:
    """RunFailed goes off once a day while anything needs attention, and at once for what is new.

    OrderNotOurs does for each run that meets such an order. That is all they send, but for the first OK of each alarm.
    """
    expected = {RUN_FAILED: set(watch.reminded_at), FOREIGN_ORDER: set(watch.ordered_at)}
    for name, wanted in expected.items():
        raised = {message.at for message in messages if (message.alarm, message.state) == (name, ALARM)}
        what = name.partition("-")[2]
        for at in sorted(wanted ^ raised):
            yield f"alarm: {what} {'missing' if at in wanted else 'for nothing new'} on {at:%Y-%m-%d %H:%M}"
    for message in messages:
        is_first = (message.before, message.state) == (INSUFFICIENT_DATA, OK)
        if not is_first and not (message.alarm in expected and message.state == ALARM):
            yield f"alarm: {message.alarm} is {message.state} on {message.at:%Y-%m-%d %H:%M}"
