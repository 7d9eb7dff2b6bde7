"""What each alarm looks at, written out a second time, by what CloudWatch compares: one letter off is silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.resolved import IN_A_VPC, STACK_NAME, Resource, Stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
FIVE_MINUTES, HOUR, DAY = 300, 3600, 86400  # seconds
AT_LEAST, AT_MOST, BELOW = (
    "GreaterThanOrEqualToThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanThreshold",
)


@dataclass(frozen=True, slots=True)
class Watch:
    """What one alarm looks at; *periods*: how many of them on end."""

    namespace: str
    metrics: tuple[tuple[str, Mapping[str, str]], ...]
    """Names and dimensions."""
    statistic: str
    period: int
    comparison: str
    threshold: float
    periods: int = 1


def ours(name: str, statistic: str, period: int, comparison: str, threshold: float, periods: int = 1) -> Watch:
    """A metric of the report's, under the dimension that Powertools gives it."""
    return Watch("certmandate", ((name, {"service": STACK_NAME}),), statistic, period, comparison, threshold, periods)


def counted(namespace: str, *metrics: tuple[str, Mapping[str, str]]) -> Watch:
    """AWS's counts of failures, of which one is too many."""
    return Watch(namespace, metrics, "Sum", FIVE_MINUTES, AT_LEAST, 1)


def expected(stack: Stack) -> dict[str, Watch]:
    """Every alarm by its logical id."""
    machine = {"StateMachineArn": stack.arn("Renewal")}
    group = {"ScheduleGroup": STACK_NAME}
    logs = [{"LogGroupName": stack.name(one)} for one in ("FunctionLogs", "StateMachineLogs")]
    audited = [dimensions for one in logs for dimensions in ({"DataProtectionOperation": "Audit", **one}, one)]
    queue = {"QueueName": stack.name("ScheduleDeadLetters")}
    return {
        "RunMissing": ours("DailyRunCompleted", "Sum", DAY, BELOW, 1),
        "RunFailed": counted(
            "AWS/States",
            *((name, machine) for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")),
        ),
        "CertificateNearExpiry": ours("LeastDaysToExpiry", "Minimum", DAY, AT_MOST, 7),
        "OrderPendingTooLong": ours("OldestOrderHours", "Maximum", DAY, AT_LEAST, 48),
        "CredentialRefused": ours("CredentialsRefused", "Sum", HOUR, AT_LEAST, 1),
        "CredentialNearExpiry": ours("LeastDaysToPasswordExpiry", "Minimum", DAY, AT_MOST, 14),
        "AddressRefused": ours("AddressesRefused", "Sum", HOUR, AT_LEAST, 1),
        "AddressChanged": ours("AddressChanged", "Maximum", HOUR, AT_LEAST, 1),
        "FindingsNeedPerson": ours("FindingsOpen", "Maximum", DAY, AT_LEAST, 1),
        "BacklogRemains": ours("CertificatesDeferred", "Maximum", DAY, AT_LEAST, 1, periods=3),
        "ScheduleFailed": counted(
            "AWS/Scheduler",
            ("TargetErrorCount", group),
            ("InvocationDroppedCount", group),
            ("InvocationsFailedToBeSentToDeadLetterCount", group),
        ),
        "ScheduleDeadLettersWait": Watch(
            "AWS/SQS", (("ApproximateNumberOfMessagesVisible", queue),), "Maximum", FIVE_MINUTES, AT_LEAST, 1
        ),
        "KeyMaterialInLog": counted("AWS/Logs", *(("LogEventsWithFindings", one) for one in audited)),
    }


def parts(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str], str, int]]:
    """Namespace, name, dimensions, statistic and period of everything that an alarm adds up."""
    several = [{**one["MetricStat"], **one["MetricStat"]["Metric"]} for one in alarm.get("Metrics", ())
               if "MetricStat" in one]  # fmt: skip
    for one in several or [dict(alarm)]:
        dimensions = {pair["Name"]: pair["Value"] for pair in one["Dimensions"]}
        yield one["Namespace"], one["MetricName"], dimensions, one.get("Stat") or one["Statistic"], one["Period"]


def throttled(stack: Stack, functions: tuple[str, ...]) -> list[tuple[str, str, dict[str, str], str, int]]:
    """What the alarm on throttling adds up: the state machine, and so many functions."""
    machine = ("AWS/States", "ExecutionThrottled", {"StateMachineArn": stack.arn("Renewal")}, "Sum", FIVE_MINUTES)
    lambdas = [
        ("AWS/Lambda", "Throttles", {"FunctionName": stack.name(f"{one}Function")}, "Sum", FIVE_MINUTES)
        for one in functions
    ]
    return [machine, *lambdas]


@pytest.fixture(scope="module")
def alarms(stack: Stack) -> dict[str, Resource]:
    """Every alarm by its logical id."""
    return {one.logical_id: one for one in stack.resources("AWS::CloudWatch::Alarm")}


def test_every_alarm_looks_at_what_it_is_there_for(stack: Stack, alarms: dict[str, Resource]) -> None:
    """Each value is compared with what AWS publishes: the machine's ARN, the group, the queue, the log group."""
    table = expected(stack)
    assert {*table, "RunThrottled"} == set(alarms)
    for name, watch in table.items():
        found = alarms[name].properties
        wanted = [(watch.namespace, one, dict(of), watch.statistic, watch.period) for one, of in watch.metrics]
        assert list(parts(found)) == wanted, name
        assert (found["ComparisonOperator"], float(found["Threshold"])) == (watch.comparison, watch.threshold), name
        assert found["EvaluationPeriods"] == watch.periods, name
        assert found.get("DatapointsToAlarm", watch.periods) == watch.periods, name


@pytest.mark.parametrize(
    ("reserved", "functions"),
    [
        ("0", ("CheckExpiry", "Report", "InspectDelegation", "Enroll", "Collect", "RotatePassword")),
        ("3", ("CheckExpiry", "Report")),
    ],
)
def test_throttling_is_told_unless_it_was_asked_for(reserved: str, functions: tuple[str, ...]) -> None:
    """Retries hide it until the run's time is over; where a ceiling is set, it is there to be met."""
    stack = Stack(TEMPLATE, {**IN_A_VPC, "ReservedConcurrency": reserved})
    found = stack.resource("RunThrottled").properties
    assert list(parts(found)) == throttled(stack, functions)
    terms = " + ".join(f"FILL(m{number}, 0)" for number in range(len(functions) + 1))
    assert found["Metrics"][-1]["Expression"] == terms
    assert (found["ComparisonOperator"], found["Threshold"], found["EvaluationPeriods"]) == (AT_LEAST, 1, 1)
