"""What the operator's commands take: `python -m stack.measure.command_times`, or `… --size CERTIFICATES DELEGATIONS`.

With `--against COMMIT`, `--help` is measured in pairs with that commit, in a temporary worktree of git.

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
from statistics import median

from stack.measure.daily_run.answers import AUDIT, BUCKET, ORDERS, Service, serving
from stack.measure.daily_run.large_estate import LargeEstate, Size

ROOT = Path(__file__).resolve().parents[3]
SIZES = (Size(1_000, 100, due=1), Size(10_000, 1_000, due=1))
FORMS = ("", "--json", "--csv", "--html")
"""Options of `status`."""

_RUNS, _PAIRS = 3, 9
_FACTS = {
    "OrdersTable": ORDERS, "AuditTable": AUDIT, "StoreBucket": BUCKET, "OperatorWorkingDays": "1",
    "RaoWorkingDays": "10", "OrdersPerDelegation": "30", "OrdersPerRun": "500", "DueSharePercent": "40",
    "StateMachineArn": "arn:aws:states:eu-west-3:111122223333:stateMachine:certmandate-renewal",
}  # fmt: skip
"""What `status` reads of a stack."""


def help_seconds() -> float:
    """Return what `certmandate --help` takes."""
    return min(_seconds("--help") for _ in range(_RUNS))


def help_against(commit: str) -> tuple[float, float]:
    """Return what `--help` takes here and at *commit*: the medians of pairs. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="certmandate-help-") as folder:
        there = Path(folder) / "there"
        _git("worktree", "add", "--quiet", "--detach", str(there), commit)
        try:
            pairs = [(_seconds("--help"), _seconds("--help", source=there)) for _ in range(_PAIRS + 1)]
        finally:
            _git("worktree", "remove", "--force", str(there))
    here, before = zip(*pairs[1:], strict=True)  # the first pair compiles
    return median(here), median(before)


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *arguments], check=True)  # noqa: S607 - the developer's


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


def _seconds(*arguments: str, stack: Mapping[str, str] | None = None, source: Path = ROOT) -> float:
    command = [sys.executable, "-m", "certmandate", *arguments]
    path = os.pathsep.join(str(source / name) for name in ("tools", "functions"))
    environment = {**os.environ, **(stack or {}), "PYTHONPATH": path}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(prog="python -m stack.measure.command_times", description=__doc__)
    parser.add_argument("--size", nargs=2, type=int, action="append", metavar=("CERTIFICATES", "DELEGATIONS"))
    parser.add_argument("--against", metavar="COMMIT", help="print only what --help takes here and at that commit")
    given = parser.parse_args(arguments)
    if given.against:
        here, before = help_against(given.against)
        print(f"certmandate --help: {here:.2f} s, {here / before:.2f} of the {before:.2f} s at {given.against}")
        return
    print(f"certmandate --help: {help_seconds():.2f} s")
    for size in [Size(certificates, delegations, due=1) for certificates, delegations in given.size or ()] or SIZES:
        for form in FORMS:
            seconds, calls = status(size, form)
            print(f"certmandate status {form:6} {size.certificates:7,} certificates: {seconds:5.2f} s, {calls:,} calls")


if __name__ == "__main__":
    main()
