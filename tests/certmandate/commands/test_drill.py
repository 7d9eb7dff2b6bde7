from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from certmandate.commands.drill import _shown, _tested, _tested_alert
from certmandate.exit import Stopped
from tests.certmandate.desk import Desk

ESTATE = ("idp:20",)


@dataclass
class CloudWatch:
    """Alarms whose notices are sent, except those of `silent`."""

    silent: frozenset[str] = frozenset()
    error: Exception | None = None
    states: dict[str, list[str]] = field(default_factory=dict)

    def set_alarm_state(self, *, AlarmName: str, StateValue: str, StateReason: str) -> None:  # noqa: N803
        assert "drill" in StateReason
        self.states.setdefault(AlarmName, []).append(StateValue)

    def describe_alarm_history(self, *, AlarmName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if self.error:
            raise self.error
        summary = "Failed to execute action" if AlarmName in self.silent else "Successfully executed action"
        return {"AlarmHistoryItems": [{"HistorySummary": summary}]}


def test_every_alarm_is_set_checked_and_reset():
    """An alarm that stays set hides the next real event."""
    cloudwatch = CloudWatch()

    tested = _tested(cloudwatch, ["RunFailed", "RunMissing"], 0)

    assert all(alarm.is_sent for alarm in tested)
    assert cloudwatch.states == {"RunFailed": ["ALARM", "OK"], "RunMissing": ["ALARM", "OK"]}


def test_a_notice_that_was_not_sent_is_reported():
    """After a change of the topic's policy, alarms would reach no one for months."""
    tested = _tested(CloudWatch(silent=frozenset({"RunMissing"})), ["RunFailed", "RunMissing"], 0)

    assert [alarm.name for alarm in tested if not alarm.is_sent] == ["RunMissing"]


def refused(code: str, text: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "DescribeAlarmHistory")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            refused("AccessDenied", "not authorized"),
            r"AWS refused DescribeAlarmHistory \(AccessDenied\): not authorized",
        ),
    ],
)
def test_alarms_are_reset_after_an_error(error: ClientError, cause: str):
    """The test itself must leave no alarm set."""
    cloudwatch = CloudWatch(error=error)

    with pytest.raises(Stopped, match=f"unknown whether a notice was sent: {cause}"):
        _tested(cloudwatch, ["RunFailed"], 0)

    assert cloudwatch.states == {"RunFailed": ["ALARM", "OK"]}


@dataclass
class Topic:
    """A deployment whose topic takes an alert, or refuses it."""

    error: Exception | None = None
    published: list[dict[str, str]] = field(default_factory=list)
    stack: str = "certmandate"

    def client(self, _service: str) -> Topic:
        return self

    def fact(self, name: str) -> str:
        return name

    def publish(self, **message: str) -> None:
        if self.error:
            raise self.error
        self.published.append(message)


def test_an_alert_is_tested_beside_the_alarms():
    """PagerDuty's integration for CloudWatch takes alarms, and drops what is not JSON: the names were lost."""
    topic: Any = Topic()

    assert _tested_alert(topic).is_sent
    (message,) = topic.published
    assert message["Subject"] == "[certmandate] Drill: a test, no real event"
    assert message["Message"].startswith("Stack certmandate, ")


def test_an_alert_that_is_refused_is_reported_beside_the_alarms():
    """The alarms were tested before; their result is not lost."""
    topic: Any = Topic(ClientError({"Error": {"Code": "AuthorizationError", "Message": "not authorized"}}, "Publish"))

    tested = _tested_alert(topic)

    assert not tested.is_sent
    assert "not authorized" in tested.notice


def test_the_integration_key_of_a_pager_is_not_printed():
    """Anyone with the whole URL could raise alarms."""
    assert _shown("https://pager.example/integration/SECRET/enqueue") == "https://pager.example/…"
    assert _shown("certificates@example.org") == "certificates@example.org"


def test_alarms_of_a_stack_with_the_same_prefix_are_not_set(desk: Desk):
    """The alarms of certmandate-test have other receivers."""
    cloudwatch = boto3.client("cloudwatch")
    named = {"MetricName": "x", "Namespace": "x", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    actions = ["arn:aws:sns:eu-west-3:123456789012:certmandate-test-Notices"]
    cloudwatch.put_metric_alarm(
        AlarmName="certmandate-test-RunFailed",
        AlarmActions=actions,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        **named,
    )

    error = desk.refused("drill", "--alarm", "test-RunFailed", "--yes")

    assert "no alarm test-RunFailed; its alarms are" in error
