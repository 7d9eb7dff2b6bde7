from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fetch.host import Host, TlsServer


@pytest.fixture(autouse=True)
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is flushed to the disk, which takes longer than all else."""
    descriptors: list[int] = []
    monkeypatch.setattr("os.fsync", descriptors.append)
    return descriptors


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A server that has fetched nothing."""
    return Host(tmp_path)


@pytest.fixture
def server(host: Host) -> Iterator[TlsServer]:
    """A TLS server of that host, which presents nothing before it is reloaded."""
    started = TlsServer(host)
    yield started
    started.close()
