"""The commands in the documents, as a shell parses them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from stack.rehearsal.documented import in_sentences

BASH = shutil.which("bash") or "/bin/bash"
ROOT = Path(__file__).resolve().parents[1]
ALL = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]

PROGRAMS = (
    "apachectl", "apt", "apt-get", "aws", "bash", "brew", "certmandate", "certmandate-fetch", "certspotter", "curl",
    "dig", "docker", "doveconf", "git", "haproxy", "helm", "kubectl", "make", "nginx", "node", "npm", "openssl", "pip",
    "postfix", "pytest", "python", "python3", "sam", "scp", "ssh", "sudo", "systemctl", "systemd-analyze",
)  # fmt: skip
"""Programs whose commands are within sentences, too: there, a command cannot be told from other code."""
_REAL = ("date", "grep")
_RECORDS = """
command_not_found_handle() {
    local words
    printf -v words '%s\\x1f' "$@"
    # In one write, because the commands of a pipeline are called at the same time; bash writes each line by itself.
    printf '%s\\x1e' "${words//$'\\n'/$'\\x1d'}" >> "$CALLS"
    echo value
}
cd() { :; }
sleep() { :; }
rm() { command_not_found_handle rm "$@"; }
"""


def blocks(document: Path) -> list[str]:
    """Return the blocks of commands, without prompts."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in found]


def sections(document: Path) -> list[str]:
    """Return the blocks, and the commands within sentences that have arguments."""
    found = in_sentences(document.read_text(encoding="utf-8"), PROGRAMS)
    return blocks(document) + [re.sub(r"<[^>]*>", "value", command) for command in found]


def typed(document: Path, folder: Path) -> list[list[str]]:
    """Return the commands that a shell calls for all sections of a document, those of `.venv/bin` by their names."""
    for name in _REAL:
        (folder / name).symlink_to(shutil.which(name) or name)
    calls, text = folder / "calls", "\n".join(sections(document)).replace(".venv/bin/", "")
    calls.touch()
    variables = dict.fromkeys(("DELEGATION", "CERTIFICATE"), "value")
    subprocess.run(
        [BASH, "-c", f"{_RECORDS}readonly PATH\n{text}"],
        env={"PATH": str(folder), "CALLS": str(calls), **variables},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    text = calls.read_text(encoding="utf-8").replace("\x1d", "\n")
    called = [line.split("\x1f")[:-1] for line in text.split("\x1e")]
    return [call for call in called if call]
