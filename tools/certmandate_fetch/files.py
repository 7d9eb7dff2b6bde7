"""Files that a reader finds as they were, or whole. Functions raise OSError."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a new file that only this user can read, and flush it to the disk."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def copy(source: Path, target: Path) -> None:
    """Replace *target* in one step by a copy of *source*, with its owner and mode."""
    status, temporary = source.stat(), temporary_for(target)
    write(temporary, source.read_bytes())
    os.chown(temporary, status.st_uid, status.st_gid)
    temporary.chmod(status.st_mode & 0o777)
    temporary.replace(target)
    flush(target.parent)


def link(path: Path, target: str) -> None:
    """Let the link at *path* show *target*, in one step."""
    temporary = temporary_for(path)
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
    flush(path.parent)


def flush(folder: Path) -> None:
    """Flush the names in *folder* to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_for(path: Path) -> Path:
    """Return the name beside *path* under which it is prepared; what an interrupted run has left is replaced."""
    return path.with_name(f".{path.name}.certmandate")


def content(path: Path) -> bytes | None:
    """Return what is in the file, if it exists."""
    return path.read_bytes() if path.exists() else None
