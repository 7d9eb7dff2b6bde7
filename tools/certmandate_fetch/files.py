"""Files that a reader finds as they were, or whole. Functions raise OSError.

A service user may own the folder of a keystore, and put a link in place of any name there at any time. So owner and
mode are set on the descriptor of a file that was made here, and a file is opened once, without following a link.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def write(path: Path, content: bytes, *, uid: int = -1, gid: int = -1, mode: int = 0o600) -> None:
    """Write a new file and flush it to the disk; ids of -1 are this user's."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def opened_for_lock(path: Path) -> BinaryIO:
    """Return the open file, made empty where it does not exist; no run replaces it, because a lock is of the file."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")


def copy(source: Path, target: Path) -> None:
    """Replace *target* in one step by a copy of *source*, with its owner and mode."""
    copied, status = _read(source)
    temporary = temporary_for(target)
    write(temporary, copied, uid=status.st_uid, gid=status.st_gid, mode=status.st_mode & 0o777)
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
    try:
        return _read(path)[0]
    except FileNotFoundError:
        return None


def has(path: Path, *, uid: int, gid: int, mode: int) -> bool:
    """Return whether *path* is a regular file of that mode, and of that owner and group; ids of -1: of any."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    is_owned = uid in (-1, status.st_uid) and gid in (-1, status.st_gid)
    return is_owned and stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == mode


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """The content of a regular file and its status, both of one descriptor."""
    with open(path, "rb", opener=_opened) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        return file.read(), status


def _opened(path: str, flags: int) -> int:
    """A pipe must not wait for its other end."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
