"""Which schedule expressions EventBridge takes (AWS: scheduler/latest/UserGuide/schedule-types.html)."""

from __future__ import annotations

import pytest

from gate.schedule import faults


def found(expression: str) -> list[str]:
    """Return what is said of *expression*."""
    return list(faults({"Resources": {"Daily": {"Properties": {"ScheduleExpression": expression}}}}))


@pytest.mark.parametrize(
    "expression",
    [
        "cron(30 4 * * ? *)",
        "cron(0/15 8-18 ? * MON-FRI *)",
        "cron(0 4 L * ? *)",
        "cron(0 4 15W * ? 2026-2030)",
        "cron(0 4 ? JAN,JUL 6#1 *)",
        "cron(*/5 * ? * 6L *)",
        "rate(1 day)",
        "rate(12 hours)",
        "at(2026-11-23T04:30:00)",
    ],
)
def test_a_schedule_that_eventbridge_takes(expression: str):
    """Taken from AWS's own page, or of its forms."""
    assert found(expression) == []


@pytest.mark.parametrize(
    ("expression", "finding"),
    [
        ("30 4 * * ? *", "not a cron(), rate() or at()"),
        ("cron(30 4 * * *)", "cron has 6 fields, minutes to year; this has 5"),
        ("cron(30 4 * * MON-FRI *)", "one of day of month and day of week must be ?"),
        ("cron(60 4 * * ? *)", "60 is no minutes"),
        ("cron(30 24 * * ? *)", "24 is no hours"),
        ("cron(30 4 0 * ? *)", "0 is no day of month"),
        ("cron(30 4 ? 13 * *)", "13 is no month"),
        ("cron(30 4 ? * MON-FRY *)", "MON-FRY is no day of week"),
        ("cron(30 4 ? * * 1969)", "1969 is no year"),
        ("cron(? 4 * * ? *)", "? is no minutes"),
        ("rate(1 days)", "not a cron(), rate() or at()"),
        ("rate(0 minutes)", "not a cron(), rate() or at()"),
        ("rate(5 weeks)", "not a cron(), rate() or at()"),
        ("at(2026-11-23)", "not a cron(), rate() or at()"),
    ],
)
def test_a_schedule_that_eventbridge_refuses(expression: str, finding: str):
    """CloudFormation would find out while it deploys, cfn-lint does not at all."""
    (fault,) = found(expression)

    assert fault.startswith(f"Daily: ScheduleExpression {expression}: {finding}")


def test_a_time_zone_that_does_not_exist():
    """EventBridge takes the names of the IANA database."""
    daily = {"Properties": {"ScheduleExpressionTimezone": "Europe/Pari"}}

    assert list(faults({"Resources": {"Daily": daily}})) == [
        "Daily: ScheduleExpressionTimezone: there is no time zone Europe/Pari"
    ]


def test_a_parameter_counts_with_its_default():
    """What is deployed unless somebody says otherwise must be right."""
    daily = {"Properties": {"ScheduleExpression": {"Ref": "When"}}}
    template = {"Parameters": {"When": {"Default": "daily"}}, "Resources": {"Daily": daily}}

    assert len(list(faults(template))) == 1
