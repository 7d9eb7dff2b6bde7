"""What a run has flushed to the disk before it goes on: a kill loses nothing that was written, a power failure may."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fetch.host import Host, a_new_pair

Event = tuple[str, Path]


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """The flushes, renames and commands of the runs of one renewal with every form of file, in their order."""
    host = Host(tmp_path)
    host.declare(
        "haproxy = yes", f"keystore = {tmp_path}/idp.p12", f"password_file = {tmp_path}/password", "reload = true"
    )
    host.publish(a_new_pair(begins_days_ago=2))
    assert host.update().error is None
    host.publish()
    noticed: list[Event] = []

    def noted(kind: str, path: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **more: Any) -> Any:
            noticed.append((kind, Path(path(*arguments))))
            return original(*arguments, **more)

        return operation

    monkeypatch.setattr(os, "fsync", noted("flush", lambda fd: Path(f"/proc/self/fd/{fd}").readlink(), os.fsync))
    monkeypatch.setattr(os, "replace", noted("from", lambda source, _target: source, os.replace))
    replaced = os.replace
    monkeypatch.setattr(os, "replace", noted("to", lambda _source, target: target, replaced))
    monkeypatch.setattr(subprocess, "run", noted("command", lambda command: command[0], subprocess.run))
    assert host.update().error is None
    return noticed


def test_a_name_shows_only_what_was_flushed(events: list[Event]) -> None:
    """Otherwise it may show an empty file after the power has failed."""
    renamed = [index for index, (kind, _) in enumerate(events) if kind == "from"]
    files = [index for index in renamed if ".current." not in events[index][1].name]

    assert len(files) >= 4
    assert all(("flush", events[index][1]) in events[:index] for index in files)
    (shown,) = (index for index in renamed if index not in files)
    flushed = {path.name for kind, path in events[:shown] if kind == "flush"}
    assert {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem", "haproxy.pem", "keystore.p12"} <= flushed


def test_each_name_is_flushed_before_the_server_is_reloaded(events: list[Event]) -> None:
    """A server that presents the new certificate must find it again after the power has failed."""
    (reload,) = (index for index, (kind, _) in enumerate(events) if kind == "command")
    renamed = [(index, path) for index, (kind, path) in enumerate(events[:reload]) if kind == "to"]

    assert {"current", "idp.p12", "state.json"} <= {path.name for _, path in renamed}
    assert all(("flush", path.parent) in events[index:reload] for index, path in renamed)
