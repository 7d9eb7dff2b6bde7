"""What clients meet: the auditor connects by itself, and lets OpenSSL judge name, purpose and chain.

It compares what it meets with the certificates in S3 and ACM; while one of them fails, they have two, and both count.
It has dialogs of its own for STARTTLS, too.
"""

from __future__ import annotations

import socket
import ssl
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
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
    stored = stored_keys(world)
    for claim in claims:
        key = presented(claim, roots)
        is_met = key in stored.get(claim.path, ())
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


def stored_keys(world: World) -> Mapping[str, Collection[bytes]]:
    """Return the public keys of the certificates that the stores of each `delegation/certificate` hold."""
    folders, imported, keys = dict(world.folders()), world.by_arn(), defaultdict[str, set[bytes]](set)
    for event in world.events:
        for arn in event["arns"].values():
            keys[f"{event['delegation']}/{event['certificate']}"].add(public_key(imported[arn].certificate))
    for folder, pointer in world.pointers():
        leaf = x509.load_pem_x509_certificate(folders[f"{folder}/{pointer['serial']}"]["cert.pem"])
        keys[folder.removeprefix("certificates/")].add(public_key(leaf))
    return keys
