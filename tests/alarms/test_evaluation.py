"""CloudWatch's evaluation of alarms, from the examples in AWS's guide, and what follows for the shipped alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.alarms.evaluation import ALARM, OK, Alarm, Data
from campaign.alarms.shipped import shipped_alarms

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
MINUTES, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
METRIC = ("certmandate", "Failures")


def an_alarm(**changes: Any) -> Alarm:
    """An alarm that one failure within five minutes raises."""
    properties = {
        "AlarmName": "Failures",
        "Namespace": METRIC[0],
        "MetricName": METRIC[1],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": ["topic"],
    }
    return Alarm.of(properties | changes)


def data(*points: tuple[datetime, float]) -> Data:
    """The data points of the metric."""
    found = Data()
    for at, value in points:
        found.put(at, METRIC, value)
    return found


@pytest.mark.parametrize(
    ("periods", "datapoints", "breaching", "not_breaching"),
    [
        ("0 - X - X", 3, OK, OK),
        ("0 - - - -", 3, OK, OK),
        ("- - - - -", 3, ALARM, OK),
        ("0 X X - X", 3, ALARM, ALARM),
        ("- - X - -", 3, ALARM, OK),
        ("0 - X - X", 2, ALARM, ALARM),
        ("0 0 X 0 X", 2, ALARM, ALARM),
        ("0 - X - -", 2, ALARM, OK),
        ("- - - - 0", 2, ALARM, OK),
        ("- - - X -", 2, ALARM, OK),
    ],
)
def test_missing_data_have_the_result_of_the_guide(
    periods: str, datapoints: int, breaching: str, not_breaching: str
) -> None:
    """AWS, alarms-and-missing-data.html: both tables, the oldest period first; three periods are evaluated."""
    values = [{"0": 0.0, "X": 1.0, "-": None}[letter] for letter in reversed(periods.split())]

    for missing, state in (("breaching", breaching), ("notBreaching", not_breaching)):
        alarm = an_alarm(EvaluationPeriods=3, DatapointsToAlarm=datapoints, TreatMissingData=missing)
        assert alarm.state(values) == state, missing


def test_an_alarm_acts_on_transitions_only() -> None:
    """A failure in each period keeps it in ALARM: the second one has no message of its own."""
    every_period = data(*((MIDNIGHT + number * MINUTES, 1.0) for number in range(10)))

    assert len(an_alarm().transitions(every_period, MIDNIGHT, MIDNIGHT + DAY)) == 1


@pytest.mark.parametrize("extra", [0, 2, 9])
def test_a_count_of_five_minutes_is_raised_by_each_hourly_run(extra: int) -> None:
    """However many extra periods CloudWatch reads, the alarm is OK again before the next hour."""
    hourly = data(*((MIDNIGHT + number * HOUR, 1.0) for number in range(5)))

    raised = an_alarm().transitions(hourly, MIDNIGHT, MIDNIGHT + DAY, extra)

    assert [transition.at for transition in raised] == [MIDNIGHT + number * HOUR for number in range(5)]


def test_data_that_stop_are_evaluated_again_for_some_periods() -> None:
    """AWS: real data of the extra periods are used before missing data are filled in."""
    ended = an_alarm(OKActions=["topic"]).transitions(data((MIDNIGHT, 1.0)), MIDNIGHT, MIDNIGHT + HOUR)

    assert [(transition.at - MIDNIGHT, transition.state) for transition in ended] == [
        (timedelta(0), ALARM),
        (3 * MINUTES, OK),
    ]


def test_a_wall_clock_window_is_judged_when_its_day_has_ended() -> None:
    """And without extra periods: yesterday's run does not hide that today's is missing."""
    window = {"EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}, "Period": 86400}
    switch = an_alarm(ComparisonOperator="LessThanThreshold", TreatMissingData="breaching", **window)

    (missed,) = switch.transitions(data((MIDNIGHT + 4 * HOUR, 1.0)), MIDNIGHT + HOUR, MIDNIGHT + 5 * DAY)

    assert (missed.at, missed.state) == (MIDNIGHT + 2 * DAY, ALARM)


def test_an_alarm_that_warms_up_does_not_act() -> None:
    """A new stack has had no daily run."""
    dead_man = an_alarm(TreatMissingData="breaching", WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 120})

    (missed,) = dead_man.transitions(Data(), MIDNIGHT, MIDNIGHT + DAY)

    assert missed.at == MIDNIGHT + 2 * HOUR


def test_a_sum_of_metrics_ends_with_its_period() -> None:
    """FILL gives every period a value, so no earlier one is read."""
    queries = [
        {"Id": f"m{number}", "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": {**names}}}
        for number, names in enumerate(
            [{"Namespace": "AWS/States", "MetricName": "ExecutionsFailed"},
             {"Namespace": METRIC[0], "MetricName": METRIC[1]}]
        )
    ]  # fmt: skip
    alarm = an_alarm(
        Metrics=[*queries, {"Id": "total", "Expression": "FILL(m0, 0) + FILL(m1, 0)"}], OKActions=["topic"]
    )

    states = alarm.transitions(data((MIDNIGHT + HOUR, 1.0)), MIDNIGHT, MIDNIGHT + DAY)

    assert [(each.at - MIDNIGHT, each.state) for each in states] == [
        (timedelta(0), OK), (HOUR, ALARM), (HOUR + MINUTES, OK),
    ]  # fmt: skip


def test_treatments_that_are_not_modelled_are_refused() -> None:
    """`missing` and `ignore` have rules of their own; no shipped alarm uses them."""
    with pytest.raises(ValueError, match="TreatMissingData is ignore"):
        an_alarm(TreatMissingData="ignore")


def test_every_shipped_alarm_can_be_evaluated() -> None:
    """An alarm that the model cannot read would be left out of every figure."""
    assert {alarm.name for alarm in shipped_alarms()} > {"certmandate-RunMissing", "certmandate-RunFailed"}
