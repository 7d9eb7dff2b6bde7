"""The files of one certificate on this server.

    FOLDER/current                  a link to one version, which servers' configurations name
    FOLDER/lock                     locked by the run that is in progress
    FOLDER/<serial>-<random>/       a version: cert.pem chain.pem fullchain.pem privkey.pem
                                    haproxy.pem keystore.p12      where declared
                                    former.p12                    what KEYSTORE held before this version
                                    state.json                    written last
    KEYSTORE                        a copy of keystore.p12, replaced by rename: servers in Java may not follow links

The folders belong to the user that runs the client, the files to the declared owner, who can enter but replace none.
The files of a version never change after its state is written, and servers read them only through the link: at every
time they find one whole pair. What an interrupted run has left is removed by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from certmandate_fetch import files
from certmandate_fetch.configuration import Declaration
from certmandate_fetch.errors import AlreadyRunning, FileRefused
from certmandate_fetch.store import FILES

LINK, LOCK, STATE, KEYSTORE, FORMER = "current", "lock", "state.json", "keystore.p12", "former.p12"
_VERSION = re.compile(r"[0-9A-F]{1,40}-[a-z0-9_]{8}")
_MOST_FORMER = 10


@dataclass(frozen=True)
class State:
    """What a version is. `declaration`: hash of what was declared when it was built; `former`: hashes, oldest first."""

    serial: str
    sha256: str
    declaration: str
    previous: str
    """Name of the version that the server loaded before; empty: none."""
    former: tuple[str, ...]
    confirmed: bool = False
    """Whether the server has loaded this version, and presents it at each declared endpoint."""


@dataclass(frozen=True)
class Version:
    """A version with its state."""

    folder: Path
    state: State


class Installation:
    """The folder and the keystore of one declaration. Methods raise OSError."""

    def __init__(self, declared: Declaration) -> None:
        self._declared = declared
        self._folder = declared.folder
        self._link = declared.folder / LINK

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other runs until the end of the block, or of this process. Raises AlreadyRunning, FileRefused."""
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with files.opened_for_lock(self._folder / LOCK) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = f"another run works on {self._folder}"
                raise AlreadyRunning(msg) from None
            except OSError as error:
                msg = f"{self._folder / LOCK}: its file system has no locks ({error.strerror})"
                raise FileRefused(msg) from None
            yield

    def current(self) -> Version | None:
        """Return the version that the link shows, if it has a state that can be read, of this client or a newer one."""
        folder = self._folder / self._target()
        try:
            stored = json.loads((folder / STATE).read_bytes())
            known = {field.name: stored[field.name] for field in fields(State) if field.name in stored}
            return Version(folder, State(**{**known, "former": tuple(stored["former"])}))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
            return None

    def certificate(self) -> bytes | None:
        """Return what servers read as cert.pem, whatever the state of the version is."""
        return files.content(self._folder / self._target() / "cert.pem") if self._target() else None

    def is_as_declared(self, version: Version) -> bool:
        """Return whether every file of the version is as the present declaration has built it, but for its content."""
        are_right = all(self._is_right(version.folder / name) for name in self._names())
        return are_right and version.state.declaration == self._declaration()

    def is_shown(self, version: Version) -> bool:
        """Return whether the keystore, too, is that of the version."""
        if not (keystore := self._declared.keystore):
            return True
        is_copy = files.content(keystore.path) == files.content(version.folder / KEYSTORE)
        return is_copy and self._is_right(keystore.path)

    def _is_right(self, path: Path) -> bool:
        """Whether it is a file with the declared owner and mode; after `chmod -R` everyone might read a key."""
        declared = {"uid": self._declared.uid, "gid": self._declared.gid}
        return files.has(path, mode=self._declared.mode, **declared)

    def begin(self, serial: str) -> Path:
        """Make the folder of a new version, which only this user can enter."""
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{serial}-", dir=self._folder))

    def write(self, folder: Path, built: Mapping[str, bytes]) -> None:
        """Write files of a new version, with the declared owner and mode."""
        owner = {"uid": self._declared.uid, "gid": self._declared.gid}
        for name, content in built.items():
            files.write(folder / name, content, mode=self._declared.mode, **owner)

    def complete(self, folder: Path, built: Mapping[str, bytes], serial: str, sha256: str) -> Version:
        """Add what was *built* to the downloaded files, write the state, and let the owner of the files enter."""
        self.write(folder, built)
        before, previous, keystore = self.current(), self._target(), self._declared.keystore
        former = (*before.state.former, before.state.sha256) if before else ()
        replaced = keystore.path if keystore else None
        if before and not before.state.confirmed:  # the server has never loaded it: go back to what was there before
            previous, replaced = before.state.previous, before.folder / FORMER
        if keystore and replaced and replaced.exists():
            files.copy(replaced, folder / FORMER)
        version = Version(folder, State(serial, sha256, self._declaration(), previous, former[-_MOST_FORMER:]))
        self._write(version)
        folder.chmod(0o755)
        return version

    def switch_to(self, version: Version) -> None:
        """Show *version*; repeated, it changes nothing."""
        files.link(self._link, version.folder.name)
        if self._declared.keystore:
            files.copy(version.folder / KEYSTORE, self._declared.keystore.path)

    def switch_back(self, version: Version) -> None:
        """Show again what *version* has replaced; the link comes last, because the next run goes by it."""
        keystore = self._declared.keystore
        if keystore and (version.folder / FORMER).exists():
            files.copy(version.folder / FORMER, keystore.path)
        elif keystore:
            keystore.path.unlink(missing_ok=True)
        if version.state.previous:
            files.link(self._link, version.state.previous)
        else:
            self._link.unlink(missing_ok=True)

    def confirm(self, version: Version) -> None:
        """Record that the server has loaded *version*."""
        self._write(replace(version, state=replace(version.state, confirmed=True)))

    def clean(self) -> None:
        """Remove versions that are neither shown nor needed to switch back, also those of interrupted runs."""
        current = self.current()
        needed = {self._target(), current.state.previous if current and not current.state.confirmed else ""}
        for entry in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            if _VERSION.fullmatch(entry.name) and entry.name not in needed:
                shutil.rmtree(entry)

    def _target(self) -> str:
        """The name of the version that the link shows, however it is written; empty: it shows none."""
        if not self._link.is_symlink():
            return ""
        shown = self._folder / self._link.readlink()
        return shown.name if shown.parent.resolve() == self._folder.resolve() else ""

    def _declaration(self) -> str:
        """A new password counts by the time of its file."""
        declared = self._declared
        parts: list[object] = [declared.uid, declared.gid, declared.mode, declared.haproxy, str(declared.keystore)]
        if declared.keystore:
            parts.append(declared.keystore.password_file.stat().st_mtime_ns)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def _names(self) -> Iterator[str]:
        yield from FILES
        if self._declared.haproxy:
            yield "haproxy.pem"
        if self._declared.keystore:
            yield KEYSTORE

    def _write(self, version: Version) -> None:
        path = version.folder / STATE
        files.write(files.temporary_for(path), json.dumps(asdict(version.state)).encode())
        files.temporary_for(path).replace(path)
        files.flush(version.folder)
