"""What the operator's commands take of the processor: `python -m stack.measure.command_times`, in seconds.

`--help` in a process of its own; `status` of an estate of 1,000 certificates without the calls to AWS, which take as
long as the network. Processor time is what is measured: another program on this machine changes it little.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from certmandate.cli import main
from local.estate import load_estate
from local.run import LocalSystem
from stack.measure.written_estate import write_estate

DELEGATIONS, CERTIFICATES = 10, 100


def help_seconds() -> float:
    """Return the least of five runs of `certmandate --help`."""
    return min(_child_seconds("-m", "certmandate", "--help") for _ in range(5))


def _child_seconds(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def status_seconds(*options: str) -> float:
    """Return the least of three runs of `certmandate status` over 1,000 certificates, without the calls to AWS."""
    with tempfile.TemporaryDirectory() as folder, _estate(Path(folder)):
        return min(_without_aws("status", *options) for _ in range(3))


@contextmanager
def _estate(folder: Path) -> Iterator[None]:
    write_estate(folder, DELEGATIONS, CERTIFICATES)
    with LocalSystem(load_estate(folder, datetime.now(UTC)), wait_factor=0.0) as system:
        exports = {**system.aws.exports(), "CERTMANDATE_OUTPUTS": json.dumps(system.facts())}
        with patch.dict(os.environ, exports):
            yield


def _without_aws(*arguments: str) -> float:
    calls = 0.0
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - what every call passes through

    def timed(*given: Any) -> Any:
        nonlocal calls
        began = time.thread_time()
        try:
            return call(*given)
        finally:
            calls += time.thread_time() - began

    with patch.object(BaseClient, "_make_api_call", timed), redirect_stdout(io.StringIO()) as printed:
        began = time.thread_time()
        main(arguments)
        took = time.thread_time() - began
    if f"d{DELEGATIONS}/c{CERTIFICATES - 1}" not in printed.getvalue():
        msg = "status has not printed the estate"
        raise RuntimeError(msg)
    return took - calls


if __name__ == "__main__":
    print(f"certmandate --help: {help_seconds():.2f} s")
    print(f"certmandate status, {DELEGATIONS * CERTIFICATES} certificates, without AWS: {status_seconds():.2f} s")
