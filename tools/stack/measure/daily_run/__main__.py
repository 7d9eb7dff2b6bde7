"""Measure what a daily run invokes once: `python -m stack.measure.daily_run [--size CERTIFICATES DELEGATIONS DUE]`.

Each is one invocation of the shipped handler in a fresh process, as in the daily run, which comes once a day: with its
imports and clients. AWS is answered by another process on loopback (`answers`), so processor time and memory are the
function's own; durations are not measured.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from renewal.settings import OFF, Settings
from stack.measure.daily_run.answers import AUDIT, BUCKET, ORDERS, serving
from stack.measure.daily_run.large_estate import RUN, LargeEstate, Size
from stack.measure.invocation import InvocationCost, in_own_process, invoke

EVENTS: Mapping[str, Mapping[str, Any]] = {
    "check_expiry": {"run_id": RUN, "request": {}, "state_machine": "arn"},
    "notify": {"run_id": RUN},
    "report": {"run_id": RUN},
}
"""By function, in the order of the run."""
SIZES = (
    Size(1_000, 100, 1),
    Size(10_000, 1_000, 1),
    Size(30_000, 3_000, 1),
    Size(10_000, 10_000, 10_000),
    Size(100_000, 10_000, 500),
    Size(1_000, 100, 1, covered=500),
    Size(30_000, 3_000, 1, covered=500),
    Size(100_000, 10_000, 1, covered=500),
)
_SETTINGS = {
    "orders_table": ORDERS, "audit_table": AUDIT, "store_bucket": BUCKET, "alerts_topic": "arn:aws:sns:::topic",
    "orders_per_delegation": "30", "orders_per_run": "500", "due_share_percent": "100", "rao_working_days": "10",
    "expiry_alarm_days": "14", "password_alarm_days": "14", "pending_alarm_hours": "72",
    "aws_access_key_id": "scale", "aws_secret_access_key": "scale", "aws_default_region": "eu-west-3",
    "powertools_metrics_namespace": "scale",
}  # fmt: skip
"""Those whose value matters, and botocore's."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one invocation took."""

    function: str
    size: Size
    took: InvocationCost
    calls: int
    """Requests to AWS."""
    renewed: int = 0
    """Certificates that the report has as renewed."""


def measure(size: Size) -> Iterator[Measured]:
    """Play a daily run of an estate; yield what each function took."""
    with serving(LargeEstate(size, datetime.now(UTC))) as service:
        for function in EVENTS:
            service.calls.clear()
            took = in_own_process("stack.measure.daily_run", function, environment=environment(service.url))
            calls = service.calls.total()
            if function == "check_expiry":
                service.write_results()
            yield Measured(function, size, took, calls=calls, renewed=service.renewed())


def environment(url: str) -> dict[str, str]:
    """Return the variables of a function whose AWS is at *url*."""
    values = {setting.name: "1" if setting.type == "int" else OFF for setting in fields(Settings)}
    values |= _SETTINGS | {"aws_endpoint_url": url}
    return {name.upper(): value for name, value in values.items()} | {"PATH": os.environ["PATH"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, or with `--invoke` one measurement as JSON."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.daily_run", description=__doc__)
    parser.add_argument("--invoke", choices=EVENTS, help=argparse.SUPPRESS)
    parser.add_argument("--size", nargs=3, type=int, action="append", metavar=("CERTIFICATES", "DELEGATIONS", "DUE"))
    given = parser.parse_args(arguments)
    if given.invoke:
        invoke(given.invoke, EVENTS[given.invoke])
        return
    print("function      certificates  delegations     due  covered    CPU s   step s    MB   calls")
    for size in [Size(*each) for each in given.size or ()] or SIZES:
        for each in measure(size):
            print(_line(each), flush=True)


def _line(each: Measured) -> str:
    size = each.size
    numbers = f"{size.certificates:12,} {size.delegations:12,} {size.due:7,} {size.covered:8,}"
    took = f"{each.took.cpu:8.2f} {each.took.step_cpu:8.2f} {each.took.megabytes:5.0f} {each.calls:7,}"
    return f"{each.function:13} {numbers} {took}"


if __name__ == "__main__":
    main()
