"""The audit of the pinned packages: what was not checked never passes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stack.advisories import main

FINE = {"name": "idna", "version": "3.20", "vulns": []}
AFFECTED = {"name": "httpx", "version": "0.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.2"]}]}
SKIPPED = {"name": "boto3", "skip_reason": "not found"}


def a_tool(folder: Path, rows: object, code: int, *, knows: str = "pypi osv") -> str:
    """A program that prints what pip-audit would; *knows*: the sources that have the advisory about the control."""
    tool = folder / "pip-audit"
    control = "".join(f"*control*{name}*) printf '%s' '{printed([AFFECTED])}'; exit 1 ;;\n" for name in knows.split())
    control += f"*control*) printf '%s' '{printed([FINE])}'; exit 0 ;;\n" if knows != "pypi osv" else ""
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in\n{control}esac\necho "no route to host" >&2\n'
        f"printf '%s' '{printed(rows)}'\nexit {code}\n"
    )
    tool.chmod(0o755)
    return str(tool)


def printed(rows: object) -> str:
    """JSON as pip-audit prints it."""
    return "" if rows is None else json.dumps({"dependencies": rows})


@pytest.mark.parametrize(
    ("rows", "code", "exit_code", "text"),
    [
        ([FINE], 0, 0, "1 packages checked, 0 affected, 0 not checked"),
        ([FINE, AFFECTED], 1, 1, "AFFECTED  httpx 0.1: PYSEC-1 (fixed in 0.2)"),
        ([AFFECTED, SKIPPED], 1, 1, "NOT CHECKED  boto3: not found"),
        # pip-audit exits 0 when it found no package in the index, as behind a mirror without advisories.
        ([FINE, SKIPPED], 0, 3, "this audit proves nothing about them"),
        ([], 0, 3, "no package in it"),
        (None, 1, 3, "no route to host"),
    ],
)
def test_what_was_not_checked_never_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: object, code: int, exit_code: int, text: str
) -> None:
    """A source that is not reachable must not look like a clean audit."""
    tool = a_tool(tmp_path, rows, code)

    assert main([tool]) == exit_code
    printed = capsys.readouterr()
    assert text in printed.out + printed.err


@pytest.mark.parametrize(("knows", "exit_code"), [("pypi", 0), ("osv", 0), ("", 3)])
def test_a_source_that_does_not_know_an_affected_package_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], knows: str, exit_code: int
) -> None:
    """A mirror without advisories, or a proxy that answers `{}`, called every package unaffected."""
    assert main([a_tool(tmp_path, [FINE], 0, knows=knows)]) == exit_code

    printed = capsys.readouterr()
    assert ("osv: it has no advisory for idna==3.6" in printed.err) is (exit_code != 0)
