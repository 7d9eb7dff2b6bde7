"""Which schedule expressions EventBridge accepts (AWS: scheduler/latest/UserGuide/schedule-types.html)."""

from __future__ import annotations

import pytest

from gate.schedule import faults


def found(expression: str) -> list[str]:
    """Return the findings about *expression*."""
    return list(faults({"Resources": {"Daily": {"Properties": {"ScheduleExpression": expression}}}}))


@pytest.mark.parametrize(
    "expression", ["cron(0/15 8-18 ? * MON-FRI *)", "rate(1 day)", "rate(12 hours)", "at(2026-11-23T04:30:00)"]
)
def test_a_schedule_that_eventbridge_accepts_passes(expression: str):
    """Each form of a schedule has a rule here."""
    assert found(expression) == []


@pytest.mark.parametrize(
    ("expression", "finding"),
    [
        ("cron(60 4 * * ? *)", "Invalid minute value '60'"),
        ("30 4 * * ? *", "not a cron(), rate() or at() expression"),
        ("rate(1 days)", "not a cron(), rate() or at() expression"),
        ("rate(0 minutes)", "not a cron(), rate() or at() expression"),
        ("at(2026-11-23)", "not a cron(), rate() or at() expression"),
    ],
)
def test_a_schedule_that_eventbridge_refuses_is_found(expression: str, finding: str):
    """CloudFormation finds out while it deploys; cfn-lint does not check it."""
    (fault,) = found(expression)

    assert fault.startswith(f"Daily: ScheduleExpression {expression}: {finding}")


def test_an_unknown_time_zone_is_found():
    """EventBridge accepts the names of the IANA database."""
    daily = {"Properties": {"ScheduleExpressionTimezone": "Europe/Pari"}}

    assert list(faults({"Resources": {"Daily": daily}})) == [
        "Daily: ScheduleExpressionTimezone: there is no time zone Europe/Pari"
    ]


def test_the_default_of_a_parameter_is_checked():
    """The default is what is deployed when the operator gives no value."""
    daily = {"Properties": {"ScheduleExpression": {"Ref": "When"}}}
    template = {"Parameters": {"When": {"Default": "daily"}}, "Resources": {"Daily": daily}}

    assert len(list(faults(template))) == 1
