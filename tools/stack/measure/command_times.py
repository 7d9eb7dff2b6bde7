"""What the operator's commands take: `python -m stack.measure.command_times`, or `… --size CERTIFICATES DELEGATIONS`.

Seconds of the processor, of a process as an operator starts it: the least of three. AWS is answered by another process
on loopback (`stack.measure.daily_run.answers`); the real one adds the time of the calls, whose number is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from stack.measure.daily_run.answers import AUDIT, BUCKET, ORDERS, Service, serving
from stack.measure.daily_run.large_estate import LargeEstate, Size

SIZES = (Size(1_000, 100, due=1), Size(10_000, 1_000, due=1))
FORMS = ("", "--json", "--csv", "--html")
"""Options of `status`."""

_RUNS = 3
_FACTS = {
    "OrdersTable": ORDERS, "AuditTable": AUDIT, "StoreBucket": BUCKET, "OperatorWorkingDays": "1",
    "RaoWorkingDays": "10", "StateMachineArn": "arn:aws:states:eu-west-3:111122223333:stateMachine:certmandate-renewal",
}  # fmt: skip
"""What `status` reads of a stack."""


def help_seconds() -> float:
    """Return what `certmandate --help` takes."""
    return min(_seconds("--help") for _ in range(_RUNS))


def status(size: Size, form: str = "") -> tuple[float, int]:
    """Return what `certmandate status` takes, and how many calls of AWS it makes. Raises CalledProcessError."""
    with serving(LargeEstate(size, datetime.now(UTC))) as service, tempfile.TemporaryDirectory() as folder:
        options = [form, str(Path(folder) / "status.html")] if form == "--html" else [form] if form else []
        stack = _stack(service)
        seconds = min(_seconds("status", *options, stack=stack) for _ in range(_RUNS))
        return seconds, service.calls.total() // _RUNS


def _stack(service: Service) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_ENDPOINT_URL": service.url}
    return {**keys, "CERTMANDATE_OUTPUTS": json.dumps(_FACTS)}


def _seconds(*arguments: str, stack: Mapping[str, str] | None = None) -> float:
    command, environment = [sys.executable, "-m", "certmandate", *arguments], {**os.environ, **(stack or {})}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.command_times", description=__doc__)
    parser.add_argument("--size", nargs=2, type=int, action="append", metavar=("CERTIFICATES", "DELEGATIONS"))
    given = parser.parse_args(arguments)
    print(f"certmandate --help: {help_seconds():.2f} s")
    for size in [Size(certificates, delegations, due=1) for certificates, delegations in given.size or ()] or SIZES:
        for form in FORMS:
            seconds, calls = status(size, form)
            print(f"certmandate status {form:6} {size.certificates:7,} certificates: {seconds:5.2f} s, {calls:,} calls")


if __name__ == "__main__":
    main()
