"""Servers of the certificates in a history: each address has a condition, which the history draws anew.

They read moto's stores, and neither what the order book expects of them nor how it is compared.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from campaign.evidence import objects
from campaign.harness import Harness
from local.cloudformation.parameters import ACCOUNT
from local.functions.fork_server import resolve_locally
from local.tls_server import STARTTLS, TlsServer, conversation
from renewal.domain.endpoint.declaration import Endpoint, StartTls
from scm_simulator.ca.authority import LeafPlan

_REFUSING = {
    StartTls.SMTP: conversation(b"250 mx\r\n", b"502 no\r\n", greeting=b"220 ESMTP\r\n"),
    StartTls.IMAP: conversation(b"a1 NO not here\r\n", greeting=b"* OK ready\r\n"),
}


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A private key and its certificate with the issuers, as PEM; both empty before the first is stored."""

    key: str = ""
    chain: str = ""

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_pem_x509_certificate(self.chain.encode())

    @property
    def host(self) -> str:
        """The certificate's common name."""
        return str(self.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@dataclass
class Node:
    """One address of an endpoint; its servers present what `condition` says."""

    harness: Harness
    path: str
    """`delegation/certificate`."""
    endpoint: Endpoint
    ip: str
    store: str
    """`s3` or `acm`: from where it gets its certificate."""
    condition: str = "reloaded"
    loaded: StoredPair = field(default_factory=StoredPair)
    """What it has read of the store last."""
    address: tuple[str, int] = ("", 0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Serve until the end of the block, or close at once when it is `stopped`."""
        with TlsServer("", host=self.ip, dialog=self._begin) as server:
            self._server, self.address = server, server.address
            if self.condition == "stopped":
                server.close()
            yield

    def _begin(self, connection: socket.socket) -> None:
        if self.condition in {"reset", "plain"}:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", self.condition == "reset", 0))
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" if self.condition == "plain" else b"")
            raise ConnectionError
        if starttls := self.endpoint.starttls:
            (_REFUSING if self.condition == "refusing" else STARTTLS)[starttls](connection)
        context = self._server.load(PRESENTED.get(self.condition, _reloaded)(self))
        if self.condition == "nameless":
            context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def _reloaded(node: Node) -> str:
    node.loaded = _stored(node)
    return _kept(node)


def _kept(node: Node) -> str:
    return _text(node.loaded, node)


def _default_host(node: Node) -> str:
    """The certificate of another virtual host."""
    others = (pair for (_, host), pair in sorted(stored(node.harness).items()) if host != node.endpoint.host)
    return _text(next(others, StoredPair()), node)


def _without_issuers(node: Node) -> str:
    pair = _stored(node)
    return pair.key + (_pem(pair.leaf) if pair.chain else "")


def _with_other_issuers(node: Node) -> str:
    return _without_issuers(node) + _pem(*_authority(node).unrelated_issuers())


def _for_another_name(node: Node) -> str:
    """The right key, and a certificate of the right CA that is for another host."""
    if not (pair := _stored(node)).key:
        return ""
    key, now = load_pem_private_key(pair.key.encode(), None).public_key(), node.harness.time()
    plan = LeafPlan(key, ("other.example",), now, now.replace(year=now.year + 1), "Example")  # type: ignore[arg-type]
    leaf = _authority(node).issue(plan)
    return pair.key + _pem(leaf, *_authority(node).issuers_of(leaf))


PRESENTED: Mapping[str, Callable[[Node], str]] = {
    "reloaded": _reloaded,
    "not reloaded": _kept,
    "default host": _default_host,
    "without issuers": _without_issuers,
    "with other issuers": _with_other_issuers,
    "for another name": _for_another_name,
}
"""What a server presents, by its condition: PEM with the private key; without a certificate, no handshake ends."""
CONDITIONS = (*PRESENTED, "nameless", "refusing", "reset", "plain", "stopped")


@contextmanager
def listening(nodes: Iterable[Node]) -> Iterator[None]:
    """Let all *nodes* listen until the end of the block, and their hosts lead to them."""
    hosts: dict[str, list[tuple[str, int]]] = {}
    with ExitStack() as resources:
        for node in nodes:
            resources.enter_context(node.listening())
            hosts.setdefault(f"{node.endpoint.host}:{node.endpoint.port}", []).append(node.address)
        resources.enter_context(patch.object(socket, "getaddrinfo", socket.getaddrinfo))
        resolve_locally(hosts)
        yield


def stored(harness: Harness) -> Mapping[tuple[str, str], StoredPair]:
    """Return what the stores hold, by store (`s3` or `acm`) and the certificate's common name."""
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    pairs: dict[tuple[str, str], StoredPair] = {}
    for backend in get_backend("acm")[ACCOUNT].values():
        for bundle in backend._certificates.values():  # noqa: SLF001 - the API does not return its key
            key, leaf, issuers = (f"{each.decode()}\n" for each in (bundle.key, bundle.cert, bundle.chain))
            pair = StoredPair(key, leaf + issuers)
            pairs["acm", pair.host] = pair
    files = dict(objects(harness, "certificates/"))
    for name, content in files.items():
        if name.endswith("/current.json"):
            folder = json.loads(content)["path"]
            pair = StoredPair(files[f"{folder}privkey.pem"].decode(), files[f"{folder}fullchain.pem"].decode())
            pairs["s3", pair.host] = pair
    return pairs


def _stored(node: Node) -> StoredPair:
    """What the store of *node* has."""
    return stored(node.harness).get((node.store, node.endpoint.host), StoredPair())


def _text(pair: StoredPair, node: Node) -> str:
    """As a server of a private CA loads it: it sends the root, too (docs/architecture.md)."""
    return pair.key + pair.chain + node.harness.played.simulator.root_pem if pair.key else ""


def _authority(node: Node) -> Any:
    return node.harness.played.simulator._state.authority  # noqa: SLF001 - no API issues without an order


def _pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)
