"""Schedule expressions and time zones, which CloudFormation takes as text and only EventBridge refuses.

(AWS: scheduler/latest/UserGuide/schedule-types.html)
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_DAYS = "SUN|MON|TUE|WED|THU|FRI|SAT"
_FIELDS = (  # name, lowest, highest, words, what stands alone
    ("minutes", 0, 59, "", r"\*"),
    ("hours", 0, 23, "", r"\*"),
    ("day of month", 1, 31, "", r"\*|\?|LW?|\d{1,2}W"),
    ("month", 1, 12, _MONTHS, r"\*"),
    ("day of week", 1, 7, _DAYS, r"\*|\?|L|[1-7]L|[1-7]#[1-5]"),
    ("year", 1970, 2199, "", r"\*"),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4
_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
_CRON = re.compile(r"cron\((.*)\)")


def faults(template: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the schedules of a transformed template; a Ref is its parameter's default."""
    parameters = template.get("Parameters", {})
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        expression = _default(properties.get("ScheduleExpression"), parameters)
        timezone = _default(properties.get("ScheduleExpressionTimezone"), parameters)
        if isinstance(expression, str):
            yield from (
                f"{logical_id}: ScheduleExpression {expression}: {fault}" for fault in _of_expression(expression)
            )
        if isinstance(timezone, str) and timezone not in zoneinfo.available_timezones():
            yield f"{logical_id}: ScheduleExpressionTimezone: there is no time zone {timezone}"


def _default(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and value.get("Ref") in parameters:
        return parameters[value["Ref"]].get("Default")
    return value


def _of_expression(expression: str) -> Iterator[str]:
    cron = _CRON.fullmatch(expression)
    if cron:
        yield from _of_cron(cron[1].split())
    elif not (_RATE.fullmatch(expression) or _AT.fullmatch(expression)):
        yield "not a cron(), rate() or at() that EventBridge takes"


def _of_cron(fields: list[str]) -> Iterator[str]:
    if len(fields) != len(_FIELDS):
        yield f"cron has {len(_FIELDS)} fields, minutes to year; this has {len(fields)}"
        return
    if "?" not in (fields[_DAY_OF_MONTH], fields[_DAY_OF_WEEK]):
        yield "one of day of month and day of week must be ?"
    for text, (name, lowest, highest, words, alone) in zip(fields, _FIELDS, strict=True):
        if not re.fullmatch(alone, text) and not _are_values(text, lowest, highest, words):
            yield f"{text} is no {name}"


def _are_values(text: str, lowest: int, highest: int, words: str) -> bool:
    """Return whether *text* is a list of values, ranges and steps, such as `1,5-9,*/15`."""
    value = rf"(?:\d+|{words})" if words else r"\d+"
    if not all(re.fullmatch(rf"(\*|{value}(-{value})?)(/\d+)?", part) for part in text.split(",")):
        return False
    ranges = re.sub(r"/\d+", "", text)
    return all(lowest <= int(number) <= highest for number in re.findall(r"\d+", ranges))
