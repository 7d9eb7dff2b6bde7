"""The servers of an estate: on loopback, one or more for each endpoint that its delegation files declare.

A server that is reloaded loads at each connection what the S3 store has. One that is not has what the store had before
the run; `servers.yaml` names those, and docs/estate.md describes the format.
"""

from __future__ import annotations

import json
import socket
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from certmandate.files.yaml_document import FilesInvalid, read_yaml
from local.tls_server import STARTTLS, TlsServer
from renewal.domain.delegation import CertificateSpec
from renewal.domain.endpoint.declaration import StartTls

SERVERS_FILE = "servers.yaml"
RELOADED, NOT_RELOADED = "reloaded", "not-reloaded"
Stored = Callable[[str], str]
"""Returns private key and chain that the S3 store has of `delegation/certificate` as PEM; empty = none."""


def load_nodes(folder: Path, certificates: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Read `servers.yaml` of the estate in *folder*, if it is there: the nodes by certificate. Raises FilesInvalid."""
    path = folder / SERVERS_FILE
    if not path.exists():
        return {}
    document = read_yaml(path)
    content: Any = document.content
    if not isinstance(content, dict):
        raise FilesInvalid([document.fault((), "must map certificates to their servers")])
    for name, nodes in content.items():
        if name not in certificates:
            text = f"'{name}' is no certificate with served_at; known are {', '.join(sorted(certificates)) or 'none'}"
            raise FilesInvalid([document.fault((name,), text)])
        if not isinstance(nodes, list) or not nodes or not set(map(str, nodes)) <= {RELOADED, NOT_RELOADED}:
            raise FilesInvalid([document.fault((name,), f"must be a list of {RELOADED} and {NOT_RELOADED}")])
    return {name: tuple(nodes) for name, nodes in content.items()}


class WebServers:
    """Servers for all *certificates* with `served_at`, by `delegation/certificate`; a context manager.

    They present nothing before `connect`.
    """

    def __init__(self, certificates: Mapping[str, CertificateSpec], nodes: Mapping[str, tuple[str, ...]]) -> None:
        self._resources = ExitStack()
        self._nodes: list[_Node] = []
        self.hosts: dict[str, list[tuple[str, int]]] = defaultdict(list)
        """`host:port` to the addresses at which it is served."""
        for path, spec in certificates.items():
            for endpoint in spec.served_at:
                for state in nodes.get(path, (RELOADED,)) if endpoint.host else ():
                    node = _Node(path, endpoint.starttls, is_reloaded=state == RELOADED)
                    self._resources.enter_context(node.server)
                    self._nodes.append(node)
                    self.hosts[f"{endpoint.host}:{endpoint.port}"].append(node.server.address)

    def connect(self, stored: Stored) -> None:
        """Load what the store has now, and at each connection on the servers that are reloaded."""
        for node in self._nodes:
            node.connect(stored)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()


class _Node:
    def __init__(self, path: str, starttls: StartTls | None, *, is_reloaded: bool) -> None:
        self._path, self._starttls, self._is_reloaded = path, starttls, is_reloaded
        self._stored: Stored = lambda _path: ""
        self.server = TlsServer("", dialog=self._begin)

    def connect(self, stored: Stored) -> None:
        self._stored = stored
        self.server.load(stored(self._path))

    def _begin(self, connection: socket.socket) -> None:
        if self._is_reloaded:
            self.server.load(self._stored(self._path))
        if self._starttls:
            STARTTLS[self._starttls](connection)


def stored_in(s3: Any, bucket: str, root_pem: str) -> Stored:
    """Return what reads the local S3 store. A private CA's server also sends the root (docs/architecture.md)."""

    def read(key: str) -> str:
        return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    def stored(path: str) -> str:
        try:
            folder = json.loads(read(f"certificates/{path}/current.json"))["path"]
        except s3.exceptions.NoSuchKey:
            return ""
        return f"{read(f'{folder}privkey.pem')}{read(f'{folder}fullchain.pem')}{root_pem}"

    return stored
