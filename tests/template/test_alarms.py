"""What each alarm watches, as CloudWatch compares it: an alarm with one wrong letter is never raised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.cloudformation.parameters import STACK_NAME
from stack.resolved import IN_A_VPC, Resource, Stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
FIVE_MINUTES, HOUR, DAY = 300, 3600, 86400  # seconds
AT_LEAST, BELOW = "GreaterThanOrEqualToThreshold", "LessThanThreshold"


UNRESERVED = ("CheckExpiry", "Report", "Notify", "VerifyServed")
"""Functions that do not call SCM."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What an alarm watches; *periods*: how many of them in a row."""

    namespace: str
    metrics: tuple[tuple[str, Mapping[str, str]], ...]
    """Names and dimensions."""
    statistic: str
    period: int
    comparison: str
    threshold: float
    periods: int = 1


def ours(name: str, statistic: str, period: int, comparison: str, threshold: float, periods: int = 1) -> Watch:
    """Return the watch of a metric of the report, with the dimension that Powertools adds."""
    return Watch("certmandate", ((name, {"service": STACK_NAME}),), statistic, period, comparison, threshold, periods)


def counted(namespace: str, *metrics: tuple[str, Mapping[str, str]]) -> Watch:
    """Return the watch of AWS's counts of failures; one failure raises the alarm."""
    return Watch(namespace, metrics, "Sum", FIVE_MINUTES, AT_LEAST, 1)


def waiting(queue: Mapping[str, str]) -> Watch:
    """Return the watch of a dead-letter queue."""
    return Watch("AWS/SQS", (("ApproximateNumberOfMessagesVisible", queue),), "Maximum", FIVE_MINUTES, AT_LEAST, 1)


def expected(stack: Stack) -> dict[str, Watch]:
    """Every alarm by its logical id."""
    machine = {"StateMachineArn": stack.arn("Renewal")}
    group = {"ScheduleGroup": STACK_NAME}
    planner, sealer, rotator = (
        {"FunctionName": stack.name(f"{name}Function")} for name in ("CheckExpiry", "SealAudit", "RotatePassword")
    )
    logs = [{"LogGroupName": stack.name(name)} for name in ("FunctionLogs", "StateMachineLogs")]
    audited = [dimensions for group in logs for dimensions in ({"DataProtectionOperation": "Audit", **group}, group)]
    starts, notices = ({"QueueName": stack.name(name)} for name in ("ScheduleDeadLetters", "UndeliveredNotices"))
    return {
        "RunMissing": ours("DailyRunCompleted", "Sum", DAY, BELOW, 1),
        "RunFailed": counted(
            "AWS/States", *((name, machine) for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"))
        ),
        "OrderNotOurs": ours("NewOrdersNotOurs", "Sum", FIVE_MINUTES, AT_LEAST, 1),
        "AuditNotSealed": counted("AWS/Lambda", ("Errors", sealer), ("Throttles", sealer)),
        "SealMissing": Watch("AWS/Lambda", (("Invocations", sealer),), "Sum", DAY, BELOW, 1),
        "HourlyRunMissing": Watch("AWS/Lambda", (("Invocations", planner),), "Sum", HOUR, BELOW, 1, periods=3),
        "KeepAwakeMissing": Watch("AWS/Lambda", (("Invocations", rotator),), "Sum", DAY, BELOW, 1),
        "BacklogRemains": ours("CertificatesDeferred", "Maximum", DAY, AT_LEAST, 1, periods=3),
        "ReplacementLate": ours("ReplacementsLate", "Maximum", HOUR, AT_LEAST, 1),
        "ScheduleFailed": counted(
            "AWS/Scheduler",
            ("TargetErrorCount", group),
            ("InvocationDroppedCount", group),
            ("InvocationsFailedToBeSentToDeadLetterCount", group),
        ),
        "ScheduleDeadLettersWait": waiting(starts),
        "NoticesUndelivered": waiting(notices),
        "RaoNoticesFailed": counted("AWS/Lambda", ("Errors", {"FunctionName": stack.name("NotifyFunction")})),
        "KeyMaterialInLog": counted("AWS/Logs", *(("LogEventsWithFindings", dimensions) for dimensions in audited)),
    }


def parts(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str], str, int]]:
    """Yield namespace, name, dimensions, statistic and period of each metric of an alarm."""
    several = [{**query["MetricStat"], **query["MetricStat"]["Metric"]} for query in alarm.get("Metrics", ())
               if "MetricStat" in query]  # fmt: skip
    for metric in several or [dict(alarm)]:
        dimensions = {pair["Name"]: pair["Value"] for pair in metric["Dimensions"]}
        yield (
            metric["Namespace"],
            metric["MetricName"],
            dimensions,
            metric.get("Stat") or metric["Statistic"],
            metric["Period"],
        )


def throttled(stack: Stack, functions: tuple[str, ...]) -> list[tuple[str, str, dict[str, str], str, int]]:
    """Return the metrics of the alarm on throttling: the state machine's and those of *functions*."""
    machine = ("AWS/States", "ExecutionThrottled", {"StateMachineArn": stack.arn("Renewal")}, "Sum", FIVE_MINUTES)
    lambdas = [
        ("AWS/Lambda", "Throttles", {"FunctionName": stack.name(f"{name}Function")}, "Sum", FIVE_MINUTES)
        for name in functions
    ]
    return [machine, *lambdas]


def test_every_alarm_watches_its_metrics(stack: Stack, alarms: dict[str, Resource]) -> None:
    """Each value must equal what AWS publishes: the machine's ARN, the group, the queue, the log group."""
    table = expected(stack)
    assert {*table, "RunThrottled"} == set(alarms)
    for name, watch in table.items():
        found = alarms[name].properties
        wanted = [(watch.namespace, metric, dict(of), watch.statistic, watch.period) for metric, of in watch.metrics]
        assert list(parts(found)) == wanted, name
        assert (found["ComparisonOperator"], float(found["Threshold"])) == (watch.comparison, watch.threshold), name
        assert found["EvaluationPeriods"] == watch.periods, name
        assert found.get("DatapointsToAlarm", watch.periods) == watch.periods, name


@pytest.mark.parametrize(
    ("reserved", "functions"),
    [("0", (*UNRESERVED, "InspectDelegation", "Enroll", "Collect", "RotatePassword")), ("3", UNRESERVED)],
)
def test_throttling_raises_an_alarm_unless_concurrency_is_reserved(reserved: str, functions: tuple[str, ...]) -> None:
    """Retries hide throttling until the run times out; reserved concurrency is meant to throttle."""
    stack = Stack(TEMPLATE, {**IN_A_VPC, "ReservedConcurrency": reserved})
    found = stack.resource("RunThrottled").properties
    assert list(parts(found)) == throttled(stack, functions)
    terms = " + ".join(f"FILL(m{number}, 0)" for number in range(len(functions) + 1))
    assert found["Metrics"][-1]["Expression"] == terms
    assert (found["ComparisonOperator"], found["Threshold"], found["EvaluationPeriods"]) == (AT_LEAST, 1, 1)
