"""Which certificate this server presents."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from certmandate_fetch.configuration import Endpoint
from certmandate_fetch.pair import Leaf

_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.5
SERVED = "served"


@dataclass(frozen=True)
class Presented:
    """What one endpoint presents. Hashes: SHA-256 of certificate and public key; empty when it presents none.

    `state`: served, old (a former certificate of this installation), foreign (another one), broken (the handshake
    fails, or clients refuse the installed certificate as it is sent), unreachable.
    """

    address: str
    name: str
    state: str
    sha256: str = ""
    public_key_sha256: str = ""


def presented_after_reload(
    endpoints: Sequence[Endpoint], installed: str, former: Collection[str], client: ssl.SSLContext, patience: float
) -> list[Presented]:
    """Ask until all are served, or *patience* seconds have passed: many servers reload in the background."""
    deadline = time.monotonic() + patience
    while True:
        found = [presented(endpoint, installed, former, client) for endpoint in endpoints]
        if all(each.state == SERVED for each in found) or time.monotonic() > deadline:
            return found
        time.sleep(_PAUSE_SECONDS)


def presented(endpoint: Endpoint, installed: str, former: Collection[str], client: ssl.SSLContext) -> Presented:
    """Ask one endpoint. *installed*, *former*: SHA-256 of certificates; *client*: as in `pair.trusting`."""
    place = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    asked = Presented(f"{place}:{endpoint.port}", endpoint.name, "unreachable")
    is_accepted = True
    try:
        try:
            der = _leaf(endpoint, client)
        except ssl.SSLCertVerificationError:
            is_accepted, der = False, _leaf(endpoint, _accepting_all())
        leaf = Leaf.of_der(der)
    except _Unreachable:
        return asked
    except (OSError, ValueError):
        return Presented(asked.address, asked.name, "broken")
    if leaf.sha256 == installed:
        state = SERVED if is_accepted else "broken"
    else:
        state = "old" if leaf.sha256 in former else "foreign"
    return Presented(asked.address, asked.name, state, leaf.sha256, leaf.public_key_sha256)


class _Unreachable(Exception):
    """No TCP connection."""


def _leaf(endpoint: Endpoint, client: ssl.SSLContext) -> bytes:
    """Raises OSError, of which ssl.SSLError is a kind, and _Unreachable."""
    try:
        plain = socket.create_connection((endpoint.address, endpoint.port), _TIMEOUT_SECONDS)
    except OSError:
        raise _Unreachable from None
    with plain, client.wrap_socket(plain, server_hostname=endpoint.name) as connection:
        return connection.getpeercert(binary_form=True) or b""


def _accepting_all() -> ssl.SSLContext:
    """To learn which certificate was refused; nothing is sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
