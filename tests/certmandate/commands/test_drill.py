from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from certmandate.commands.drill import _shown, _tested
from certmandate.exit import Stopped
from tests.certmandate.desk import Desk, seated


@dataclass
class CloudWatch:
    """Two alarms whose notices leave, or do not."""

    deaf: frozenset[str] = frozenset()
    has_history: bool = True
    states: dict[str, list[str]] = field(default_factory=dict)

    def set_alarm_state(self, *, AlarmName: str, StateValue: str, StateReason: str) -> None:  # noqa: N803
        assert "drill" in StateReason
        self.states.setdefault(AlarmName, []).append(StateValue)

    def describe_alarm_history(self, *, AlarmName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if not self.has_history:
            raise NotImplementedError
        said = "Failed to execute action" if AlarmName in self.deaf else "Successfully executed action"
        return {"AlarmHistoryItems": [{"HistorySummary": said}]}


def test_every_alarm_is_tested_heard_and_lowered():
    """An alarm that stays raised hides the next real one."""
    cloudwatch = CloudWatch()

    tested = _tested(cloudwatch, ["RunFailed", "RunMissing"], 0)

    assert all(alarm.is_sent for alarm in tested)
    assert cloudwatch.states == {"RunFailed": ["ALARM", "OK"], "RunMissing": ["ALARM", "OK"]}


def test_a_notice_that_did_not_leave_is_found():
    """The topic's policy was changed: months of silence, unless somebody drills."""
    tested = _tested(CloudWatch(deaf=frozenset({"RunMissing"})), ["RunFailed", "RunMissing"], 0)

    assert [alarm.name for alarm in tested if not alarm.is_sent] == ["RunMissing"]


def test_alarms_are_lowered_whatever_happens():
    """The drill itself must leave nothing behind."""
    cloudwatch = CloudWatch(has_history=False)

    with pytest.raises(Stopped, match="unknown whether a notice was sent"):
        _tested(cloudwatch, ["RunFailed"], 0)

    assert cloudwatch.states == {"RunFailed": ["ALARM", "OK"]}


def test_a_pagers_key_is_not_shown():
    """Its address is a secret: whoever has it can page."""
    assert _shown("https://pager.example/integration/SECRET/enqueue") == "https://pager.example/…"
    assert _shown("certificates@example.org") == "certificates@example.org"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate, for its alarms."""
    with seated(tmp_path_factory.mktemp("drill"), "idp:20") as one:
        yield one


def test_the_alarms_of_a_stack_whose_name_begins_alike_are_left_alone(desk: Desk):
    """Raising certmandate-test's alarms pages whoever watches that one."""
    cloudwatch = boto3.client("cloudwatch")
    named = {"MetricName": "x", "Namespace": "x", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    told = ["arn:aws:sns:eu-west-3:123456789012:certmandate-test-Notices"]
    cloudwatch.put_metric_alarm(
        AlarmName="certmandate-test-RunFailed",
        AlarmActions=told,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        **named,
    )

    result = desk.run("drill", "--alarm", "test-RunFailed", "--yes")

    assert "no alarm test-RunFailed; its alarms are" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--alarm", "Typo", "--yes"), "no alarm Typo; its alarms are"),
        (("--stack", "other", "--yes"), "no alarm begins with 'other-'"),
        ((), "Nothing was changed"),
    ],
)
def test_nobody_is_paged_by_a_mistake(desk: Desk, arguments: tuple[str, ...], told: str):
    """Whoever is on call is woken by it."""
    result = desk.run("drill", *arguments)

    assert (result.exit_code, told in result.stderr) == (2, True)
