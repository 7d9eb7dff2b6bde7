"""The measurement of the commands measures them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from stack.measure import command_times
from stack.measure.daily_run.large_estate import Size

ROOT = Path(__file__).parents[2]


def test_status_is_measured_with_its_calls() -> None:
    """A `status` that failed early would be faster."""
    seconds, calls = command_times.status(Size(certificates=4, delegations=2, due=1))

    assert seconds > 0
    assert calls >= 4


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone of the repository")
def test_help_is_compared_with_another_commit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure about an earlier version can be measured again by everyone; nothing is left of its worktree."""
    monkeypatch.setattr(command_times, "_PAIRS", 1)

    command_times.main(["--against", "HEAD"])

    listed = subprocess.run(["git", "-C", ROOT, "worktree", "list"], capture_output=True, text=True, check=True)  # noqa: S607
    assert re.fullmatch(r"certmandate --help: [\d.]+ s, [\d.]+ of the [\d.]+ s at HEAD\n", capsys.readouterr().out)
    assert "certmandate-help-" not in listed.stdout
