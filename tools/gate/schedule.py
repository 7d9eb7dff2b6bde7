"""Schedule expressions and time zones: CloudFormation accepts any text, and EventBridge refuses it while it deploys.

(AWS: scheduler/latest/UserGuide/schedule-types.html)
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from aws_cron_expression_validator.validator import AWSCronExpressionError, AWSCronExpressionValidator

_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
_CRON = re.compile(r"cron\((.*)\)")


def faults(template: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the schedules of a transformed template; a Ref has its parameter's default."""
    parameters = template.get("Parameters", {})
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        expression = _default(properties.get("ScheduleExpression"), parameters)
        timezone = _default(properties.get("ScheduleExpressionTimezone"), parameters)
        if isinstance(expression, str) and (fault := _fault_of(expression)):
            yield f"{logical_id}: ScheduleExpression {expression}: {fault}"
        if isinstance(timezone, str) and timezone not in zoneinfo.available_timezones():
            yield f"{logical_id}: ScheduleExpressionTimezone: there is no time zone {timezone}"


def _default(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and value.get("Ref") in parameters:
        return parameters[value["Ref"]].get("Default")
    return value


def _fault_of(expression: str) -> str:
    """Return why EventBridge Scheduler refuses *expression*, or nothing."""
    if cron := _CRON.fullmatch(expression):
        try:
            AWSCronExpressionValidator.validate(cron[1])
        except AWSCronExpressionError as refused:
            return str(refused)
        return ""
    known = _RATE.fullmatch(expression) or _AT.fullmatch(expression)
    return "" if known else "not a cron(), rate() or at() expression"
