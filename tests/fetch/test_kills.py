"""The client is killed at each of its file operations, and in the middle of each write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).with_name("kills.py")


OPERATIONS = {
    "open", "write", "os.chown", "os.chmod", "os.fsync", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "subprocess.Popen",
}  # fmt: skip
"""Everything by which a run changes what servers find, as Python's audit events name it."""


@pytest.mark.parametrize("scenario", ["first", "renewal", "refused", "declared"])
def test_a_killed_run_leaves_a_whole_pair_and_the_next_one_repairs(scenario: str, tmp_path: Path):
    """Systemd kills what takes too long: a server that starts then must find a pair that works."""
    done = subprocess.run(
        [sys.executable, str(KILLS), scenario, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert not done.returncode, done.stderr[-3000:]
    operations = json.loads(done.stdout)
    assert sum(operations.values()) > 50
    assert operations.keys() >= OPERATIONS - ({"os.rmdir"} if scenario == "first" else set())
