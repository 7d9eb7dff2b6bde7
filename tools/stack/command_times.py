"""What the operator's commands take of the processor: `python -m stack.command_times`, or `… --size CERTIFICATES DELEGATIONS`.

Each is a process of its own, as an operator starts it, and what is printed is the least of three. AWS is answered by
this process on loopback (`stack.scale.service`): a real one adds the time of the calls, whose number is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from stack.scale.estate import Estate, Size
from stack.scale.service import AUDIT, BUCKET, ORDERS, Service, serving

SIZES = (Size(1_000, 100, due=1), Size(10_000, 1_000, due=1))
FORMS = ("", "--json", "--csv", "--html")
_FACTS = {
    "OrdersTable": ORDERS, "AuditTable": AUDIT, "StoreBucket": BUCKET, "OperatorWorkingDays": "2", "RaoWorkingDays": "10",
    "StateMachineArn": "arn:aws:states:eu-west-3:111122223333:stateMachine:certmandate-renewal",
}  # fmt: skip
"""The outputs and parameters of a stack that `status` reads."""


def help_seconds() -> float:
    """Return what `certmandate --help` takes."""
    return min(_seconds(["--help"], dict(os.environ)) for _ in range(3))


def status_seconds(size: Size, form: str) -> tuple[float, int]:
    """Return what `certmandate status` takes over an estate, and how many calls to AWS it makes."""
    with serving(Estate(size, datetime.now(UTC))) as service, tempfile.TemporaryDirectory() as folder:
        options = [form, str(Path(folder) / "status.html")] if form == "--html" else [form] if form else []
        seconds = min(_seconds(["status", *options], _environment(service)) for _ in range(3))
        return seconds, service.calls.total() // 3


def _environment(service: Service) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_ENDPOINT_URL": service.url}
    return {**os.environ, **keys, "CERTMANDATE_OUTPUTS": json.dumps(_FACTS)}


def _seconds(arguments: Sequence[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "certmandate", *arguments]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
