"""Measure what a daily run invokes once: `python -m stack.measure.daily_run [--size CERTIFICATES DELEGATIONS DUE]`.

Each is one invocation of the shipped handler in a fresh process, as in the daily run, which comes once a day: with its
imports and clients. AWS is answered by another process on loopback (`answers`), so processor time and memory are the
function's own; durations are not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from renewal.settings import OFF, Settings
from stack.measure.daily_run.answers import AUDIT, BUCKET, ORDERS, serving
from stack.measure.daily_run.large_estate import RUN, LargeEstate, Size
from stack.measure.memory import highest_memory

FUNCTIONS = ("check_expiry", "notify", "report")
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
    "orders_table": ORDERS, "audit_table": AUDIT, "store_bucket": BUCKET, "notices_topic": "arn:aws:sns:::topic",
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
    cpu_seconds: float
    """Of the process, with what it imports."""
    step_seconds: float
    """Of the invocation alone."""
    megabytes: float
    """Highest resident set."""
    calls: int
    """Requests to AWS."""
    renewed: int = 0
    """Certificates that the report has as renewed."""


def measure(size: Size) -> Iterator[Measured]:
    """Play a daily run of an estate; yield what each function took."""
    with serving(LargeEstate(size, datetime.now(UTC))) as service:
        for function in FUNCTIONS:
            service.calls.clear()
            command = [sys.executable, "-m", "stack.measure.daily_run", "--invoke", function]
            done = subprocess.run(command, env=environment(service.url), capture_output=True, text=True, check=False)
            if done.returncode:
                msg = f"{function} failed:\n{done.stdout}\n{done.stderr}"
                raise RuntimeError(msg)
            took, calls = json.loads(done.stdout.splitlines()[-1]), service.calls.total()
            if function == "check_expiry":
                service.write_results()
            yield Measured(function, size, **took, calls=calls, renewed=service.renewed())


def environment(url: str) -> dict[str, str]:
    """Return the variables of a function whose AWS is at *url*."""
    values = {setting.name: "1" if setting.type == "int" else OFF for setting in fields(Settings)}
    values |= _SETTINGS | {"aws_endpoint_url": url}
    return {name.upper(): value for name, value in values.items()} | {"PATH": os.environ["PATH"]}


def invoke(function: str) -> dict[str, float]:
    """Invoke a handler once; return what it took."""
    events: dict[str, dict[str, Any]] = {
        "check_expiry": {"run_id": RUN, "request": {}, "state_machine": "arn"},
        "notify": {"run_id": RUN},
        "report": {"run_id": RUN, "verification": {}},
    }
    context = SimpleNamespace(
        function_name="",
        memory_limit_in_mb=0,
        invoked_function_arn="",
        aws_request_id="",
        get_remaining_time_in_millis=lambda: 600_000,
    )
    handler = import_module(function).handler
    before = _cpu_seconds()
    handler(events[function], context)
    after = _cpu_seconds()
    return {"cpu_seconds": after, "step_seconds": after - before, "megabytes": highest_memory()}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, or with `--invoke` one measurement as JSON."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.daily_run", description=__doc__)
    parser.add_argument("--invoke", choices=FUNCTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--size", nargs=3, type=int, action="append", metavar=("CERTIFICATES", "DELEGATIONS", "DUE"))
    given = parser.parse_args(arguments)
    if given.invoke:
        print("\n" + json.dumps(invoke(given.invoke)))
        return
    print("function      certificates  delegations     due  covered    CPU s   step s    MB   calls")
    for size in [Size(*each) for each in given.size or ()] or SIZES:
        for each in measure(size):
            print(_line(each), flush=True)


def _line(each: Measured) -> str:
    size = each.size
    numbers = f"{size.certificates:12,} {size.delegations:12,} {size.due:7,} {size.covered:8,}"
    took = f"{each.cpu_seconds:8.2f} {each.step_seconds:8.2f} {each.megabytes:5.0f} {each.calls:7,}"
    return f"{each.function:13} {numbers} {took}"


if __name__ == "__main__":
    main()
