"""The disk becomes full at each file operation of a renewal, and has room again in the next run."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fetch.host import Host, a_new_pair

WRITING = ("open", "mkdir", "symlink", "fsync")
MOST = 60


@pytest.mark.parametrize("has_keystore", [False, True])
def test_a_full_disk_leaves_a_whole_pair_and_the_next_run_repairs(
    has_keystore: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A log that grows fills the disk of a server: it must restart with one pair or the other."""
    for most in range(MOST):
        (folder := tmp_path / str(most)).mkdir()
        host = Host(folder)
        keystore = [f"keystore = {folder}/key.p12", f"password_file = {folder}/password"] if has_keystore else []
        host.declare("reload = true", *keystore)
        former = host.publish(a_new_pair(begins_days_ago=2))
        assert host.update().error is None
        renewed = host.publish()

        with full_after(monkeypatch, most):
            result = host.update()

        assert host.served_now() in {former, renewed}
        assert not keystore or (folder / "key.p12").stat().st_size
        if result.error is None:
            break
        assert type(result.error).__name__ == "FileRefused"
        assert (host.update().error, host.served_now(), len(host.versions())) == (None, renewed, 1)
    assert 10 < most < MOST - 1, "operations of one run"


@contextmanager
def full_after(monkeypatch: pytest.MonkeyPatch, most: int) -> Iterator[None]:
    """Refuse what needs room on the disk after *most* such operations."""
    done: list[str] = []

    def refusing(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **more: Any) -> Any:
            if name != "open" or arguments[1] & os.O_CREAT:
                done.append(name)
                if len(done) > most:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments, **more)

        return operation

    with monkeypatch.context() as patched:
        for name in WRITING:
            patched.setattr(os, name, refusing(name, getattr(os, name)))
        yield
