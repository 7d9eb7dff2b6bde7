"""Contacts declared endpoints, many at a time, and nothing else: see `renewal.ports.EndpointProber`."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from renewal.adapters.endpoints.connection import Connection, Unanswered
from renewal.adapters.endpoints.handshake import certificates
from renewal.adapters.endpoints.starttls import begin_tls
from renewal.deadline import Deadline
from renewal.domain.endpoint.declaration import PORTS, Endpoint
from renewal.domain.service.comparison import Contact

T = TypeVar("T")
U = TypeVar("U")
CONTACT_SECONDS = 10.0
"""Of one address, with name resolution apart: a mail server may delay its greeting for some seconds."""
MOST_ADDRESSES = 16
"""Of one host; behind a name with more is a provider's network."""
_WORKERS = 64
_NO_ROUTE = {errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
Address = tuple[str, int]


def system_addresses(host: str, port: int) -> tuple[Address, ...]:
    """Return every IPv4 and IPv6 address of *host*, which may be an address itself; none when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))


@dataclass(frozen=True, slots=True)
class TlsProber:
    """Each contact is a new connection with a full handshake, and reads nothing after it.

    *permits_private*: also contact addresses that are not public, except link-local ones (instance metadata).
    *seconds*: the longest time of one contact.
    """

    permits_private: bool
    resolve: Callable[[str, int], Sequence[Address]] = system_addresses
    seconds: float = CONTACT_SECONDS

    def contacts(self, endpoints: Collection[Endpoint], deadline: Deadline) -> Mapping[Endpoint, tuple[Contact, ...]]:
        pool = ThreadPoolExecutor(_WORKERS)
        try:
            found = _done({each: pool.submit(self._addresses, each) for each in endpoints}, deadline)
            targets = [(each, address) for each, addresses in found.items() for address in addresses]
            contacted = _done(
                {target: pool.submit(partial(self._contact, *target, deadline)) for target in targets}, deadline
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return {
            each: _of_all(contacted[each, address] for address in addresses)
            for each, addresses in found.items()
            if all((each, address) in contacted for address in addresses)
        }

    def _addresses(self, endpoint: Endpoint) -> Sequence[Address]:
        """The addresses to contact; one that is empty when there is none."""
        return self.resolve(endpoint.address or endpoint.host, endpoint.port)[:MOST_ADDRESSES] or [("", 0)]

    def _contact(self, endpoint: Endpoint, address: Address, deadline: Deadline) -> Contact | None:
        """Return the contact; None for an IPv6 address that has no route from here."""
        if fault := self._fault(endpoint, address):
            return Contact(address[0], failure=fault)
        deadline = deadline.at_most(self.seconds)
        try:
            connection = Connection(address, deadline)
        except OSError as error:
            has_route = ":" not in address[0] or error.errno not in _NO_ROUTE
            return Contact(address[0], failure=f"no connection: {_reason(error)}") if has_route else None
        with connection:
            try:
                if endpoint.starttls:
                    begin_tls(connection, endpoint.starttls, endpoint.host)
                return Contact(address[0], certificates(connection, endpoint.host), is_connected=True)
            except (Unanswered, OSError, ValueError) as error:
                return Contact(address[0], failure=_reason(error), is_connected=True)

    def _fault(self, endpoint: Endpoint, address: Address) -> str:
        if not address[0]:
            return f"{endpoint.host} has no address"
        if endpoint.port not in PORTS:
            return f"connections are not made to port {endpoint.port}"
        if not self._is_permitted(address[0]):
            return f"{address[0]} is not a public address (PrivateEndpoints permits others)"
        return ""

    def _is_permitted(self, text: str) -> bool:
        address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
        if address.is_multicast or address.is_unspecified or address.is_link_local:
            return False
        return self.permits_private or address.is_global


def _unwrapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _of_all(contacts: Iterable[Contact | None]) -> tuple[Contact, ...]:
    """The contacts over routes that exist; when there is none, that is why."""
    made = tuple(contact for contact in contacts if contact)
    return made or (Contact("", failure="it has IPv6 addresses only, and there is no route to them from here"),)


def _done(futures: Mapping[T, Future[U]], deadline: Deadline) -> dict[T, U]:
    """The results that there are by the deadline."""
    wait(futures.values(), timeout=deadline.seconds())
    return {key: future.result() for key, future in futures.items() if future.done() and not future.cancelled()}


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return str(error)
