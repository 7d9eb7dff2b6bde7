"""Processes that work in rounds: each reads a line, does the work of one round, and writes what that took as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


class RoundFailed(Exception):
    """A process has ended instead of doing its round."""


class Worker:
    """A process of *command*, whose first answer is in `started`; it ends when its input does."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        self._command = " ".join(command)
        self._process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.started = self.result()

    def begin(self) -> None:
        """Let it begin its next round."""
        assert self._process.stdin is not None  # noqa: S101  # a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """Wait for the end of the round; return what it took. Raises RoundFailed."""
        assert self._process.stdout is not None  # noqa: S101  # a pipe
        line = self._process.stdout.readline()
        if not line:
            msg = f"{self._command} has ended with {self._process.wait()}"
            raise RoundFailed(msg)
        result: dict[str, Any] = json.loads(line)
        return result

    def end(self) -> None:
        """Close its input and wait for its end."""
        self._process.communicate()


def serve_rounds(started: Mapping[str, Any], work: Callable[[], Mapping[str, Any]]) -> None:
    """Answer *started*, then do *work* for each line of the input."""
    print(json.dumps(started), flush=True)
    for _ in sys.stdin:
        print(json.dumps(work()), flush=True)
