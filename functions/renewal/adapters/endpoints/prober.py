"""Contacts declared endpoints, many at a time, and nothing else: see `renewal.ports.endpoints.EndpointProber`."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from renewal.adapters.endpoints.connection import Connection, Unanswered
from renewal.adapters.endpoints.handshake import certificates
from renewal.adapters.endpoints.starttls import begin_tls
from renewal.deadline import Deadline
from renewal.domain.endpoint.declaration import PORTS, Endpoint
from renewal.domain.service.comparison import Contact

CONTACT_SECONDS = 10.0
"""Of one address: a mail server may delay its greeting for some seconds.

Name resolution has the limits of the system (`RES_OPTIONS` of template.yaml).
"""
MOST_ADDRESSES = 16
"""Of one host that are contacted; a name with more is not served, because one of the others may have been forgotten."""
_WORKERS = 64
_CUT_SECONDS = 1.0  # a failure this shortly before the deadline may be its own: sockets have another clock
_NO_ROUTE = {errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
_WITH_IPV4 = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))
"""Addresses whose last 32 bits are an IPv4 address: IPv4-compatible, NAT64 (RFC 6052, RFC 8215)."""
_GLOBAL_UNICAST, _DOCUMENTATION = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("3fff::/20")
Address = tuple[str, int]


def system_addresses(host: str, port: int) -> tuple[Address, ...]:
    """Return every IPv4 and IPv6 address of *host*, which may be an address itself; none when it has none."""
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):  # ValueError: no text that can be asked for, for example over 63 letters in a label
        return ()
    return tuple(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in resolved))


@dataclass(frozen=True, slots=True)
class TlsProber:
    """Each contact is a new connection with a full handshake, and reads nothing after it.

    *permits_private*: also contact addresses that are not public, except link-local ones (instance metadata).
    *seconds*: the longest time of one contact.
    """

    permits_private: bool
    resolve: Callable[[str, int], Sequence[Address]] = system_addresses
    seconds: float = CONTACT_SECONDS

    def contacts(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> Mapping[Endpoint, tuple[Contact, ...]]:
        begun, connecting = ThreadPoolExecutor(_WORKERS), ThreadPoolExecutor(_WORKERS)
        try:
            futures = {each: begun.submit(self._contacts, each, deadline, connecting) for each in endpoints}
            done, _ = wait(futures.values(), timeout=deadline.seconds_left())
        finally:
            for pool in (begun, connecting):
                pool.shutdown(wait=False, cancel_futures=True)
        made = {each: _made(future) for each, future in futures.items() if future in done}
        return {each: contacts for each, contacts in made.items() if contacts}

    def _contacts(self, endpoint: Endpoint, deadline: Deadline, connecting: Executor) -> tuple[Contact, ...]:
        """Return the contacts with all addresses; none when the deadline has cut one of them."""
        contact = partial(self._contact, endpoint, deadline=deadline)
        addresses = sorted(self._addresses(endpoint), key=_is_ipv6)  # which may have no route from here
        try:
            tried = list(connecting.map(contact, addresses[:MOST_ADDRESSES]))
        except _Late:
            return ()
        others = [each for each in addresses[MOST_ADDRESSES:] if None not in tried or not _is_ipv6(each)]
        return (*_of_all(tried), *_of_others(endpoint, len(others)))

    def _addresses(self, endpoint: Endpoint) -> Sequence[Address]:
        """The addresses to contact; one that is empty when there is none."""
        return self.resolve(endpoint.address or endpoint.host, endpoint.port) or [("", 0)]

    def _contact(self, endpoint: Endpoint, address: Address, deadline: Deadline) -> Contact | None:
        """Return the contact; None for an IPv6 address that has no route from here. Raises _Late."""
        if fault := self._fault(endpoint, address):
            return Contact(address[0], failure=fault)
        contact = self._connect(endpoint, address, deadline.at_most(self.seconds))
        if not deadline.before(_CUT_SECONDS).seconds_left() and not (contact and contact.chain):
            raise _Late
        return contact

    def _connect(self, endpoint: Endpoint, address: Address, deadline: Deadline) -> Contact | None:
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
        return self.permits_private or _is_public(address)


class _Late(Exception):
    """The deadline of all contacts has cut this one, so that it shows nothing of the endpoint."""


def _made(contacts: Future[tuple[Contact, ...]]) -> tuple[Contact, ...]:
    """What was observed; a bug costs the endpoint that leads to it."""
    error = contacts.exception()
    text = f"it was not contacted: an error that nothing foresees ({type(error).__name__})"
    return (Contact("", failure=text),) if error else contacts.result()


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """IANA assigns no other IPv6 addresses for use on the internet, which `is_global` of Python 3.11 does not know."""
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_global and address in _GLOBAL_UNICAST and address not in _DOCUMENTATION
    return address.is_global


def _unwrapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in _WITH_IPV4):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _of_all(contacts: Iterable[Contact | None]) -> tuple[Contact, ...]:
    """The contacts over routes that exist; when there is none, that is why."""
    made = tuple(contact for contact in contacts if contact)
    return made or (Contact("", failure="it has IPv6 addresses only, and there is no route to them from here"),)


def _is_ipv6(address: Address) -> bool:
    return ":" in address[0]


def _of_others(endpoint: Endpoint, others: int) -> tuple[Contact, ...]:
    """What is observed of the addresses that are not contacted."""
    if not others:
        return ()
    text = f"{endpoint.host} has {others} addresses beyond the {MOST_ADDRESSES} that are contacted"
    return (Contact("", failure=f"{text}: declare each address in its place"),)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return str(error)
