"""Files that belong together: all are written, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


class NotWritten(Exception):
    """No file was written; the text has the reason and what to do instead."""


def write_together(files: Mapping[Path, bytes], *, force: bool = False, mode: int = 0o644) -> None:
    """Write all *files* with *mode*, or none. Raises NotWritten, also for the first that exists, unless *force*."""
    for path in files if not force else ():
        if path.exists():
            msg = f"{path} exists already; check it, then overwrite it with --force"
            raise NotWritten(msg)
    try:
        _write(files, mode)
    except OSError as error:
        msg = f"{error.filename} cannot be written: {error.strerror}"
        raise NotWritten(msg) from None


def _write(files: Mapping[Path, bytes], mode: int) -> None:
    before = {path: path.read_bytes() for path in files if path.is_file()}
    staged: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            staged[path] = _staged(path, content, mode)
        for path, temporary in staged.items():
            temporary.replace(path)
    except BaseException:
        _restore(files, staged, before)
        raise


def _staged(path: Path, content: bytes, mode: int) -> Path:
    """Write *content* to a temporary file beside *path*, so that only a rename remains. Raises OSError about *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    temporary = Path(name)
    temporary.chmod(mode)
    return temporary


def _restore(files: Mapping[Path, bytes], staged: Mapping[Path, Path], before: Mapping[Path, bytes]) -> None:
    for path in files:
        temporary = staged.get(path)
        if temporary is None:
            continue
        if temporary.exists():
            temporary.unlink()
        elif path in before:
            path.write_bytes(before[path])
        else:
            path.unlink(missing_ok=True)
