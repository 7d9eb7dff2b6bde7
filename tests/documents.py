"""The commands in the documents, as a shell parses them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

BASH = shutil.which("bash") or "/bin/bash"
ROOT = Path(__file__).resolve().parents[1]
ALL = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]

_RECORDED, _REAL = ("aws", "certmandate", "certmandate-fetch", "make"), ("date", "grep")
_RECORDER = """#!/bin/bash
[[ $0 == */sleep || $0 == */python3 ]] || printf '%s\\x1f' "${0##*/}" "$@" >> "$CALLS"
printf '\\n' >> "$CALLS"
echo value
"""


def blocks(document: Path) -> list[str]:
    """Return the blocks of commands."""
    return re.findall(r"^```sh\n(.*?)^```$", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def sections(document: Path) -> list[str]:
    """Return the blocks, and the commands within sentences that have arguments."""
    text = document.read_text(encoding="utf-8")
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`((?:aws|certmandate|certmandate-fetch) [^`]*)`", sentences)
    complete = [command for command in inline if not re.fullmatch(r"certmandate (?:audit )?[\w-]+", command)]
    return blocks(document) + [re.sub(r"<[^>]*>", "value", command) for command in complete]


def typed(document: Path, folder: Path) -> list[list[str]]:
    """Return the commands that a shell calls for all sections of a document."""
    for name in (*_RECORDED, "sleep", "python3", "git", "cd", "rm"):
        (folder / name).write_text(_RECORDER)
        (folder / name).chmod(0o700)
    for name in _REAL:
        (folder / name).symlink_to(shutil.which(name) or name)
    calls = folder / "calls"
    calls.touch()
    subprocess.run(
        [BASH, "-c", "cd() { :; }\n" + "\n".join(sections(document))],
        env={"PATH": str(folder), "CALLS": str(calls), **dict.fromkeys(("DELEGATION", "CERTIFICATE"), "value")},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    recorded = [line.split("\x1f")[:-1] for line in calls.read_text(encoding="utf-8").splitlines()]
    return [call for call in recorded if call and call[0] in _RECORDED]
