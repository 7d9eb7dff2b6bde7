"""Kills the client at each of its file operations: `python kills.py SCENARIO FOLDER`.

It prints as JSON how many operations there were, by kind. A process of its own, without threads, because each kill is
that of a forked process.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import pkcs12

from certmandate_fetch import files
from tests.fetch.host import Host, a_new_pair

KILLED = 137
LINES = "haproxy = yes", "keystore = {0}/key.p12", "password_file = {0}/password"


class Killer:
    """Ends this process at the operation of that number, before it or in the middle of a write."""

    def __init__(self, number: int, folder: Path) -> None:
        self._left = number
        self._folder = str(folder)
        self._write = files.write
        self._operations = Counter[str]()

    def install(self) -> None:
        """For the rest of this process: an audit hook cannot be removed."""
        files.write = self._half_of_a_write
        os.fsync = lambda fd: self._before("os.fsync", (fd,))
        sys.addaudithook(self._before)

    def survived(self) -> None:
        """Write down the operations that there were."""
        operations = dict(self._operations)
        (Path(self._folder) / "operations.json").write_text(json.dumps(operations))

    def _is_over(self, operation: str) -> bool:
        self._operations[operation] += 1
        self._left -= 1
        return self._left == 0

    def _before(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_of_a_file = event.startswith(("os.", "shutil.", "tempfile.", "subprocess.")) or (
            event == "open" and str(arguments[0]).startswith(self._folder)
        )
        if is_of_a_file and self._is_over(event):
            os._exit(KILLED)

    def _half_of_a_write(self, path: Path, content: bytes, **owner: int) -> None:
        if self._is_over("write"):
            path.unlink(missing_ok=True)
            path.write_bytes(content[: len(content) // 2])
            os._exit(KILLED)
        self._write(path, content, **owner)


class Scenario:
    """One run of the client.

    It is the first one, a renewal, a renewal that the server refuses, or one with HAProxy's file and the keystore newly
    declared.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._has_former, self._is_refused = name != "first", name == "refused"
        self._declared_before = LINES if name != "declared" else ()
        self._folder = folder
        self._former, self._new = a_new_pair(begins_days_ago=2), a_new_pair()

    def operations(self) -> str:
        """Kill at every operation in turn, until a run ends before its kill; return what it did."""
        number = 1
        while self._is_killed(number):
            number += 1
        return (self._folder / str(number) / "operations.json").read_text()

    def _is_killed(self, number: int) -> bool:
        folder = self._folder / str(number)
        folder.mkdir()
        host = Host(folder)
        lines = [line.format(folder) for line in LINES]
        host.declare(*(line.format(folder) for line in self._declared_before))
        if self._has_former:
            host.publish(self._former)
            assert host.update().error is None
        host.publish(self._new)
        host.declare(*lines, "reload = false" if self._is_refused else "reload = true")
        is_killed = _forked(Killer(number, folder), host)
        self._require_whole(host)
        host.declare(*lines, "reload = true")
        assert host.update().error is None, number
        self._require_repaired(host)
        return is_killed

    def _require_whole(self, host: Host) -> None:
        """A server that starts now finds the former pair or the new one, and never nothing where there was one."""
        known = {pair.chain.leaf.serial for pair in (self._former, self._new)} | (
            {""} if not self._has_former else set()
        )
        served = host.served_now()
        assert served in known, served
        path = host.folder / "key.p12"
        if path.exists():
            assert _serial(path) in known
        else:
            assert not (self._has_former and self._declared_before)

    def _require_repaired(self, host: Host) -> None:
        serial = self._new.chain.leaf.serial
        assert host.served_now() == serial == _serial(host.folder / "key.p12")
        assert len(host.versions()) == 1
        assert not [path for path in host.folder.rglob("*.certmandate") if path.parent.name != host.versions()[0]]


def _forked(killer: Killer, host: Host) -> bool:
    """Run the client in a forked process; return whether it was killed."""
    child = os.fork()
    if child == 0:
        killer.install()
        host.update()
        killer.survived()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, KILLED}, status
    return status == KILLED


def _serial(keystore: Path) -> str:
    found = pkcs12.load_pkcs12(keystore.read_bytes(), b"keystore password")
    assert found.cert
    assert found.key
    return f"{found.cert.certificate.serial_number:X}"


if __name__ == "__main__":
    os.fsync = lambda fd: None  # a killed process loses nothing that it has written
    print(Scenario(sys.argv[1], Path(sys.argv[2])).operations())
