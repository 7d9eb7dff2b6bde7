"""The recording of SCM's answers that `certmandate check --record` writes to a file of the operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from certmandate.exit import Refused
from certmandate.files.atomic_files import NotWritten, write_together

RecordOption = Annotated[
    Path | None,
    typer.Option(
        "--record",
        metavar="FILE",
        help="Write SCM's answers to a new FILE, without secrets and personal data; `scm-simulator --replay FILE` "
        "answers with them.",
    ),
]


def require_new(file: Path | None) -> None:
    """Raise Refused when *file* exists: before the login, because its recording would be lost."""
    if file and file.exists():
        msg = f"{file} exists already; name a new file"
        raise Refused(msg)


def save(recording: Mapping[str, Any] | None, file: Path, console: Console) -> None:
    """Write *recording* to *file*, which only its owner can read, and print what it has of SCM's own values.

    None means that SCM was not asked. Raises Refused.
    """
    if recording is None:
        console.print(Text(f"{file} was not written: SCM has received no request."), soft_wrap=True)
        return
    try:
        content = json.dumps(recording, indent=1, ensure_ascii=False) + "\n"
        write_together({file: content.encode()}, force=True, mode=0o600)
    except NotWritten as error:
        raise Refused(str(error)) from error
    for line in _lines(recording, file):
        console.print(Text(line), soft_wrap=True)


def _lines(recording: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    replaced = ", ".join(f"{number} {kind}" for kind, number in recording["replaced"].items())
    return (
        f"{file}: {len(recording['answers'])} answers of SCM.",
        f"Values that are SCM's own, in these members: {', '.join(recording['kept']) or 'none'}.",
        f"Replaced by example names: {replaced or 'nothing'}. Every other value is [text], 0 or false.",
        "Read the file before you share it.",
    )
