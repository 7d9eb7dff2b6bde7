"""What clients meet: the auditor connects by itself, and lets OpenSSL judge name, purpose and chain.

It compares what it meets with the certificate that was announced last, as S3 or ACM has it. While one of them fails,
it still has the one before, which does not count.
It has dialogs of its own for STARTTLS, too.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from campaign.auditor.world import World, public_key

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: its clock is this machine's, so the auditor compares the dates itself."""
_SECONDS = 10.0
_REQUESTS = {"": (), "smtp": (b"", b"EHLO auditor.invalid\r\n", b"STARTTLS\r\n"), "imap": (b"", b"a1 STARTTLS\r\n")}
"""What is sent before TLS begins, after each answer (RFC 3207, RFC 3501)."""
_AGREES = {"smtp": b"220 ", "imap": b"a1 OK"}


@dataclass(frozen=True, slots=True)
class Claim:
    """What the product has recorded about one address."""

    path: str
    """`delegation/certificate`."""
    host: str
    starttls: str
    address: tuple[str, int]
    at: datetime
    state: str
    """As it is recorded."""


def disagreements(world: World, claims: Iterable[Claim], roots: str) -> Iterator[str]:
    """Yield each claim that differs from what a client meets; *roots*: PEM of what clients trust."""
    keys = latest_keys(world)
    for claim in claims:
        is_met = presented(claim, roots) == keys.get(claim.path)
        if is_met is not (claim.state == "served"):
            what = "meets" if is_met else "does not meet"
            yield f"{claim.path} at {claim.host} {claim.address} is called {claim.state}, and a client {what} it there"


def presented(claim: Claim, roots: str) -> bytes:
    """Return the public key (SubjectPublicKeyInfo) that a client accepts there; empty where it accepts nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=roots)
    context.verify_flags |= _NO_CHECK_TIME
    try:
        with socket.create_connection(claim.address, _SECONDS) as connection:
            _begin_tls(connection, claim.starttls)
            connection.getpeername()  # after a reset, wrap_socket of Python 3.11 would leave its socket open
            with context.wrap_socket(connection, server_hostname=claim.host) as tls:
                leaf = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    except OSError:  # ssl.SSLError is one
        return b""
    is_valid = leaf.not_valid_before_utc <= claim.at <= leaf.not_valid_after_utc
    return public_key(leaf) if is_valid else b""


def _begin_tls(connection: socket.socket, protocol: str) -> None:
    """Raise ConnectionError when the server does not agree."""
    answer = b""
    for request in _REQUESTS[protocol]:
        connection.sendall(request)
        answer = connection.recv(4096)
    if _AGREES.get(protocol, b"") not in answer:
        raise ConnectionError


def latest_keys(world: World) -> Mapping[str, bytes]:
    """Return the public key of the certificate of each `delegation/certificate` that was announced last."""
    folders = dict(world.folders())
    leaves = [imported.certificate for imported in world.acm]
    for folder, pointer in world.pointers():
        leaves.append(x509.load_pem_x509_certificate(folders[f"{folder}/{pointer['serial']}"]["cert.pem"]))
    keys = {leaf.serial_number: public_key(leaf) for leaf in leaves}
    return {path: keys[int(event["serial"], 16)] for path, event in world.announced().items()}
