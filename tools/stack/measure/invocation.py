"""One invocation of a shipped handler in a process of its own, and what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from local.functions.fork_server import LambdaContext


@dataclass(frozen=True, slots=True)
class InvocationCost:
    """What one invocation took."""

    seconds: float
    """Of the invocation alone, without imports."""
    step_cpu: float
    """Processor seconds of it."""
    cpu: float
    """Processor seconds of the process, with what it imports."""
    megabytes: float
    """Highest resident set."""


def in_own_process(module: str, *arguments: str, environment: Mapping[str, str], given: str = "") -> InvocationCost:
    """Run `python -m MODULE --invoke …`, which calls `invoke` last. Raises RuntimeError with its output."""
    command = [sys.executable, "-m", module, "--invoke", *arguments]
    done = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
        raise RuntimeError(msg)
    return InvocationCost(**json.loads(done.stdout.splitlines()[-1]))


def invoke(function: str, event: Mapping[str, Any]) -> None:
    """Import the handler of *function*, invoke it, and print what that took."""
    handler = import_module(function).handler
    names = {"function_name": "", "function_arn": "", "request_id": ""}
    context = LambdaContext({**names, "memory_mb": 0, "timeout_seconds": 600})
    began, before = time.monotonic(), time.process_time()
    handler(event, context)
    seconds, cpu = time.monotonic() - began, time.process_time()
    print("\n" + json.dumps(asdict(InvocationCost(seconds, cpu - before, cpu, _highest_memory()))))


def _highest_memory() -> float:
    """MiB; the `ru_maxrss` of a process is at least what its parent had when it was started (getrusage(2))."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
