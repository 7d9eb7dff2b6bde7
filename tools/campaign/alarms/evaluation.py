"""How CloudWatch evaluates an alarm, in virtual time.

AWS, AmazonCloudWatch/latest/monitoring: alarm-evaluation, alarms-and-missing-data, alarm-evaluation-window
and alarm-warm-up (.html). An alarm acts only when its state changes.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
EXTRA_PERIODS = 2
"""Periods that CloudWatch reads beyond those it evaluates: two in AWS's example; the number is not documented."""
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}
Metric = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class Data:
    """The data points of metrics; dimensions are not distinguished."""

    _points: dict[Metric, tuple[list[datetime], list[float]]] = field(default_factory=dict)

    def put(self, at: datetime, metric: Metric, value: float) -> None:
        """Add a data point, not earlier than the metric's last one."""
        times, values = self._points.setdefault(metric, ([], []))
        times.append(at)
        values.append(value)

    def times(self, metrics: Iterable[Metric]) -> Iterator[datetime]:
        """Yield the time of each data point."""
        for metric in metrics:
            yield from self._points.get(metric, ((), ()))[0]

    def between(self, metric: Metric, begins: datetime, ends: datetime) -> Sequence[float]:
        """Return the values after *begins*, and until *ends*."""
        times, values = self._points.get(metric, ([], []))
        return values[bisect_right(times, begins) : bisect_right(times, ends)]


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state that has an action: it sends a message."""

    at: datetime
    alarm: str
    before: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A metric alarm, or one over the sum of several metrics in which missing data count as 0."""

    name: str
    metrics: tuple[Metric, ...]
    statistic: str
    period: timedelta
    evaluated: int
    """EvaluationPeriods."""
    datapoints: int
    """DatapointsToAlarm."""
    comparison: str
    threshold: float
    missing_breaches: bool
    fills: bool
    """Whether a period without data counts as 0 (`FILL(m0, 0) + …`)."""
    wall_clock: bool
    """Whether only whole periods of the clock (UTC) are evaluated, and no extra ones."""
    warm_up: timedelta
    acts_on: frozenset[str]
    """The states with an action."""

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Self:
        """Read an alarm as CloudFormation has it. Raises ValueError for what this model does not evaluate."""
        queries = [query["MetricStat"] for query in properties.get("Metrics", ()) if "MetricStat" in query]
        single = {**properties, "Metric": properties, "Stat": properties.get("Statistic")}
        parts = queries or [single]
        kinds = {(part["Stat"], part["Period"]) for part in parts}
        missing = properties.get("TreatMissingData", "missing")
        if len(kinds) > 1 or missing not in {"breaching", "notBreaching"}:
            msg = f"{properties['AlarmName']}: TreatMissingData is {missing}, statistics and periods are {kinds}"
            raise ValueError(msg)
        ((statistic, seconds),) = kinds
        actions = {ALARM: "AlarmActions", OK: "OKActions", INSUFFICIENT_DATA: "InsufficientDataActions"}
        warm_up = properties.get("WarmUpConfiguration", {}).get("WarmUpPeriodDurationInMinutes", 0)
        return cls(
            name=properties["AlarmName"],
            metrics=tuple((part["Metric"]["Namespace"], part["Metric"]["MetricName"]) for part in parts),
            statistic=statistic,
            period=timedelta(seconds=seconds),
            evaluated=properties["EvaluationPeriods"],
            datapoints=properties.get("DatapointsToAlarm", properties["EvaluationPeriods"]),
            comparison=properties["ComparisonOperator"],
            threshold=float(properties["Threshold"]),
            missing_breaches=missing == "breaching",
            fills=bool(queries),
            wall_clock="WallClockWindow" in properties.get("EvaluationWindow", {}),
            warm_up=timedelta(minutes=int(warm_up)),
            acts_on=frozenset(state for state, action in actions.items() if properties.get(action)),
        )

    def transitions(self, data: Data, begins: datetime, ends: datetime, extra: int = EXTRA_PERIODS) -> list[Transition]:
        """Return the messages that an alarm made at *begins* has sent until *ends*."""
        state, changes = INSUFFICIENT_DATA, []
        for at in sorted(set(self._changes(data, begins, ends, extra))):
            becomes = self.state(self._periods(data, at, extra))
            if becomes != state and becomes in self.acts_on:
                changes.append(Transition(at, self.name, state, becomes))
            state = becomes
        return changes

    def state(self, periods: Sequence[float | None]) -> str:
        """Return the state for the values of *periods*, the newest first; None = no data.

        Data that are there are used before missing ones are filled in, those of the extra periods too.
        """
        real = [value for value in periods if value is not None][: self.evaluated]
        filled = self.evaluated - len(real)
        breaching = sum(_COMPARISONS[self.comparison](value, self.threshold) for value in real)
        return ALARM if breaching + filled * self.missing_breaches >= self.datapoints else OK

    def _periods(self, data: Data, at: datetime, extra: int) -> list[float | None]:
        count = self.evaluated if self.wall_clock else self.evaluated + extra
        return [self._value(data, at - number * self.period) for number in range(count)]

    def _value(self, data: Data, ends: datetime) -> float | None:
        """The statistic of the period that ends at *ends*; the sum of all metrics' where missing data count as 0."""
        sums = [data.between(metric, ends - self.period, ends) for metric in self.metrics]
        if self.fills:
            return sum(_STATISTICS[self.statistic](values) for values in sums if values)
        (values,) = sums
        return _STATISTICS[self.statistic](values) if values else None

    def _changes(self, data: Data, begins: datetime, ends: datetime, extra: int) -> Iterator[datetime]:
        """Yield the times at which an evaluation may have another result than the one before."""
        first = begins + self.warm_up
        if self.wall_clock:
            day = _EPOCH + -((_EPOCH - first) // self.period) * self.period
            while day <= ends:
                yield day
                day += self.period
            return
        yield first
        for time in self._minutes(data):
            for number in range(self.evaluated + extra + 1):
                if first < (at := time + number * self.period) <= ends:
                    yield at

    def _minutes(self, data: Data) -> Iterator[datetime]:
        """Yield the end of the minute of each data point: CloudWatch evaluates each minute."""
        for time in data.times(self.metrics):
            yield _EPOCH + -((_EPOCH - time) // _MINUTE) * _MINUTE
