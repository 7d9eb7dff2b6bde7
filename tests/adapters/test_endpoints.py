"""The prober against servers with every usual fault, over real TLS: each is named rightly, and none is served."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from local.tls_server import STARTTLS, Dialog, TlsServer, conversation
from renewal.adapters.endpoints.prober import TlsProber
from renewal.deadline import Deadline
from renewal.domain.certificate.facts import Certificate
from renewal.domain.endpoint.declaration import Endpoint, StartTls
from renewal.domain.endpoint.observation import EndpointState
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.service.comparison import Compared, Contact, Expected, compare
from tests.fakes import ample
from tests.throwaway_ca import hierarchy, pem, root, trusted_roots

NOW = datetime.now(UTC)
HOST = "idp.univ.example"
HTTPS = Endpoint(HOST, 443)
MOST_SENT = 100_000_000
"""Bytes: more than the buffers of a connection take."""
Address = tuple[str, int]
SERVED, OLD, FOREIGN, BROKEN, UNREACHABLE = (
    EndpointState.SERVED, EndpointState.OLD, EndpointState.FOREIGN, EndpointState.BROKEN, EndpointState.UNREACHABLE
)  # fmt: skip


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate with its key, as a server loads it."""

    key: KeyPair
    leaf: x509.Certificate
    issuers: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> str:
        return self.key.pem().decode() + pem(self.leaf, *self.issuers)


def a_server_certificate(
    *names: str, age: float = 1, days: float = 90, key_type: KeyType = KeyType.P_256
) -> ServerCertificate:
    """A certificate of the throw-away CA with its intermediate."""
    key = KeyPair.generate(key_type)
    issuer = hierarchy().issuer_for(key.private_key.public_key())
    leaf = issuer.issue(key.private_key.public_key(), names or (HOST,), not_before=NOW - timedelta(days=age), days=days)
    return ServerCertificate(key, leaf, (issuer.certificate,))


@dataclass
class Farm:
    """Servers that clients meet under HOST, and what is expected there."""

    expected: ServerCertificate = field(default_factory=a_server_certificate)
    former: ServerCertificate = field(default_factory=lambda: a_server_certificate(age=60))
    addresses: list[Address] = field(default_factory=list)
    permits_private: bool = True
    resources: ExitStack = field(default_factory=ExitStack)

    def serve(
        self, pair: ServerCertificate | None = None, *, host: str = "127.0.0.1", dialog: Dialog | None = None
    ) -> TlsServer:
        """One more node."""
        text = (pair or self.expected).pem
        server = TlsServer(text, host=host, dialog=dialog or (lambda _connection: None))
        self.resources.callback(server.close)
        self.addresses.append(server.address)
        return server

    def observed(self, endpoint: Endpoint = HTTPS) -> list[tuple[EndpointState, str]]:
        """State and text of each address."""
        return [self.compared(contact, endpoint)[:2] for contact in self.contacts(endpoint)]

    def contacts(self, endpoint: Endpoint = HTTPS) -> tuple[Contact, ...]:
        prober = TlsProber(self.permits_private, lambda _host, _port: self.addresses, seconds=0.5)
        deadline = Deadline(datetime.now(UTC) + timedelta(seconds=20), lambda: datetime.now(UTC))
        return prober.contacts([endpoint], deadline)[endpoint]

    def compared(self, contact: Contact, endpoint: Endpoint = HTTPS) -> Compared:
        leaf, former = Certificate(self.expected.leaf), Certificate(self.former.leaf).serial
        expected = Expected(leaf.serial, leaf.key_fingerprint, lambda: {former: False})
        return compare(contact, endpoint.host, expected, trusted_roots(), NOW)


@pytest.fixture
def farm() -> Iterator[Farm]:
    farm = Farm()
    with farm.resources:
        yield farm


# ---- Faults --------------------------------------------------------------------------------------------------------


def self_signed(farm: Farm) -> None:
    key = KeyPair.generate(KeyType.P_256)
    own = root(HOST, key.private_key).certificate
    farm.serve(ServerCertificate(key, own, ()))


def self_signed_with_our_key(farm: Farm) -> None:
    key = farm.expected.key
    farm.serve(ServerCertificate(key, root(HOST, key.private_key).certificate, ()))


def default_host(farm: Farm) -> None:
    """The server has no host of this name, and answers with another's certificate."""
    server = farm.serve(a_server_certificate("www.univ.example"))
    right = server.context
    other = farm.serve(farm.expected).context
    farm.addresses.pop()

    def by_name(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = other if name == "sp.univ.example" else right

    server.context.sni_callback = by_name


def unknown_name(farm: Farm) -> None:
    farm.serve().context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def without_intermediate(farm: Farm) -> None:
    farm.serve(ServerCertificate(farm.expected.key, farm.expected.leaf, ()))


def wrong_intermediate(farm: Farm) -> None:
    farm.serve(ServerCertificate(farm.expected.key, farm.expected.leaf, (hierarchy().rsa.certificate,)))


def expired(farm: Farm) -> None:
    farm.expected = a_server_certificate(age=100, days=90)
    farm.serve()


def not_begun(farm: Farm) -> None:
    farm.expected = a_server_certificate(age=-1)
    farm.serve()


def old_and_expired(farm: Farm) -> None:
    farm.former = a_server_certificate(age=100, days=90)
    farm.serve(farm.former)


def for_clients(farm: Farm) -> None:
    """Another certificate for our key, as an administrator may order it elsewhere."""
    key = farm.expected.key.private_key.public_key()
    issuer, clients = hierarchy().issuer_for(key), (ExtendedKeyUsageOID.CLIENT_AUTH,)
    leaf = issuer.issue(key, (HOST,), not_before=NOW - timedelta(days=1), days=90, usages=clients)
    farm.serve(ServerCertificate(farm.expected.key, leaf, (issuer.certificate,)))


def other_name(farm: Farm) -> None:
    farm.expected = a_server_certificate("www.univ.example")
    farm.serve()


def slow(farm: Farm) -> None:
    over = threading.Event()
    farm.resources.callback(over.set)

    def wait(_connection: socket.socket) -> None:
        over.wait(20)

    farm.serve(dialog=wait)


def dripping(farm: Farm) -> None:
    """Each byte comes in time, and the handshake never ends."""
    over = threading.Event()
    farm.resources.callback(over.set)

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        for byte in bytes.fromhex("160303400002") + b"\0" * 1000:
            connection.sendall(bytes([byte]))
            if over.wait(0.05):
                return

    farm.serve(dialog=drip)


def reset(farm: Farm) -> None:
    def abort(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError

    farm.serve(dialog=abort)


def plain_http(farm: Farm) -> None:
    farm.serve(dialog=lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))


def stopped(farm: Farm) -> None:
    farm.serve().close()


def nameless(farm: Farm) -> None:
    farm.addresses = []


def private(farm: Farm) -> None:
    farm.serve()
    farm.permits_private = False


FAULTS = [
    (lambda farm: farm.serve(), SERVED, ""),
    (lambda farm: farm.serve(farm.former), OLD, "it presents a former certificate .serial "),
    (old_and_expired, OLD, "it presents a former certificate .serial "),
    (self_signed, FOREIGN, "it presents another certificate .serial .*CN=idp.univ.example"),
    (default_host, FOREIGN, "for www.univ.example, CN=Throw-Away EC CA"),
    (self_signed_with_our_key, BROKEN, "the certificate is not for idp.univ.example, only for no name"),
    (unknown_name, BROKEN, "TLSV1_UNRECOGNIZED_NAME"),
    (without_intermediate, BROKEN, "clients refuse its chain: 0 issuers were sent"),
    (wrong_intermediate, BROKEN, "clients refuse its chain: 1 issuers were sent"),
    (expired, BROKEN, "the certificate expired on "),
    (not_begun, BROKEN, "the certificate begins on "),
    (for_clients, BROKEN, "the certificate is not for servers"),
    (other_name, BROKEN, "the certificate is not for idp.univ.example, only for www.univ.example"),
    (slow, BROKEN, "no answer in time"),
    (dripping, BROKEN, "no answer in time"),
    (reset, BROKEN, "connection reset by peer"),
    (plain_http, BROKEN, "WRONG_VERSION_NUMBER|RECORD_LAYER|PACKET_LENGTH"),
    (stopped, UNREACHABLE, "no connection: connection refused"),
    (nameless, UNREACHABLE, "idp.univ.example has no address"),
    (private, UNREACHABLE, "127.0.0.1 is not a public address"),
]


@pytest.mark.parametrize(("fault", "state", "text"), FAULTS)
def test_each_fault_of_a_server_is_named(
    farm: Farm, fault: Callable[[Farm], object], state: EndpointState, text: str
) -> None:
    """No fault may count as served, and the operator must learn which it is."""
    fault(farm)

    ((found, reason),) = farm.observed()

    assert (found, bool(reason)) == (state, state is not SERVED)
    assert re.search(text, reason)


def test_every_address_of_a_host_is_contacted(farm: Farm) -> None:
    """The usual fault behind a balancer: one node of several was not reloaded."""
    for pair in (farm.expected, farm.former, farm.expected):
        farm.serve(pair)

    assert [state for state, _ in farm.observed()] == [SERVED, OLD, SERVED]


def test_addresses_that_are_too_many_to_contact_are_not_served(farm: Farm) -> None:
    """A name with more is never served: the one that was not reloaded may be the last."""
    farm.addresses = [farm.serve().address] * 16
    assert {state for state, _ in farm.observed()} == {SERVED}

    farm.addresses.append(farm.serve(farm.former).address)

    *_, (state, text) = farm.observed()
    assert state is UNREACHABLE
    assert (
        text == "idp.univ.example has 2 addresses beyond the 16 that are contacted: declare each address in its place"
    )


def test_an_endpoint_that_leads_to_a_bug_hinders_no_other(farm: Farm) -> None:
    """An exception that nothing foresees once ended the verification of the estate."""
    served, odd = farm.serve().address, ("not an address", 443)
    addresses = {Endpoint(HOST): [served], Endpoint(HOST, 8443): [odd]}
    prober = TlsProber(permits_private=True, resolve=lambda host, port: addresses[Endpoint(host, port)])

    found = prober.contacts(list(addresses), ample(lambda: datetime.now(UTC)).at_most(20))

    assert found[Endpoint(HOST)][0].chain
    (contact,) = found[Endpoint(HOST, 8443)]
    assert contact.failure == "it was not contacted: an error that nothing foresees (ValueError)"


def test_what_the_deadline_cuts_is_late_and_not_broken(farm: Farm) -> None:
    """A name that hangs may use up the time of all: what was not observed must not be reported as a fault."""
    over = threading.Event()
    farm.resources.callback(over.set)

    def wait(_connection: socket.socket) -> None:
        over.wait(20)

    served, silent = farm.serve().address, farm.serve(dialog=wait).address
    endpoints = {Endpoint(HOST): [served], Endpoint(HOST, 8443): [served, silent], Endpoint("slow.univ.example"): []}

    def resolve(host: str, port: int) -> list[Address]:
        if host != HOST:
            over.wait(20)
        return endpoints[Endpoint(host, port)]

    deadline = Deadline(datetime.now(UTC) + timedelta(seconds=3), lambda: datetime.now(UTC))
    found = TlsProber(permits_private=True, resolve=resolve).contacts(list(endpoints), deadline)

    assert {endpoint: [bool(contact.chain) for contact in contacts] for endpoint, contacts in found.items()} == {
        Endpoint(HOST): [True]
    }


def test_an_address_of_ipv6_is_contacted(farm: Farm) -> None:
    """Clients prefer it."""
    try:
        farm.serve(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")

    assert farm.observed() == [(SERVED, "")]


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_ipv6_without_a_route_hides_no_other_address(farm: Farm, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Lambda has no IPv6 outside a VPC: the host is then verified over IPv4, or reported as unreachable."""
    connect = socket.create_connection

    def over_ipv4(address: Address, timeout: float) -> socket.socket:
        if ":" in address[0]:
            raise OSError(number, os.strerror(number))
        return connect(address, timeout=timeout)

    monkeypatch.setattr(socket, "create_connection", over_ipv4)
    farm.addresses.append(("2001:db8::7", 443))

    ((state, text),) = farm.observed()
    assert (state, text) == (UNREACHABLE, "it has IPv6 addresses only, and there is no route to them from here")
    farm.serve()
    assert farm.observed() == [(SERVED, "")]


def test_each_contact_is_a_connection_of_its_own(farm: Farm) -> None:
    """A kept connection, or a resumed session, would show the former certificate after a reload."""
    server = farm.serve(farm.former)

    before = farm.observed()
    server.load(farm.expected.pem)

    assert [state for state, _ in (*before, *farm.observed())] == [OLD, SERVED]
    assert [server.handshakes.get(timeout=10) for _ in range(2)] == [False, False]


def test_nothing_is_read_beyond_the_handshake(farm: Farm) -> None:
    """A server may send for ever, and what it sends is none of the function's business: the connection is closed."""
    sent: SimpleQueue[int] = SimpleQueue()
    server = farm.serve()
    context = server.context

    def flood(connection: socket.socket) -> None:
        count = 0
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                while count < MOST_SENT:
                    count += tls.send(b"x" * 16_384)
        finally:
            sent.put(count)

    farm.addresses.clear()
    farm.serve(dialog=flood)

    assert farm.observed() == [(SERVED, "")]
    assert sent.get(timeout=10) < MOST_SENT


@pytest.mark.parametrize("key_type", [KeyType.RSA_2048, KeyType.P_384])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_all_key_types_and_versions_are_understood(farm: Farm, key_type: KeyType, version: ssl.TLSVersion) -> None:
    """The chain is sent differently in TLS 1.2 and 1.3."""
    farm.expected = a_server_certificate(key_type=key_type)
    context = farm.serve().context
    context.minimum_version = context.maximum_version = version

    assert farm.observed() == [(SERVED, "")]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "224.0.0.1",
        "::",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b:1::a9fe:a9fe",
    ],
)
def test_no_parameter_permits_an_address_of_the_machine(farm: Farm, address: str) -> None:
    """Instance metadata must not be reachable through a name that an organisation controls."""
    farm.addresses = [(address, 443)]

    assert farm.observed() == [(UNREACHABLE, f"{address} is not a public address (PrivateEndpoints permits others)")]


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:10.0.0.1",
        "2002:a00:1::1",
        "64:ff9b::a00:1",
        "fd00::1",
        "10.0.0.1",
        "::10.0.0.1",
        "fec0::1",
        "5f00::1",
        "3fff::1",
    ],
)
def test_a_private_address_in_another_form_is_not_contacted(farm: Farm, address: str) -> None:
    """An IPv6 address may lead to an IPv4 address of the account's network, or no one's (RFC 3879, 9602, 9637)."""
    farm.addresses, farm.permits_private = [(address, 443)], False

    text = f"{address} is not a public address (PrivateEndpoints permits others)"
    assert farm.observed() == [(UNREACHABLE, text)]


def test_no_other_port_is_contacted(farm: Farm) -> None:
    """An item of the order book that was edited must not turn the function into a scanner."""
    server = farm.serve()

    assert farm.observed(Endpoint(HOST, 22)) == [(UNREACHABLE, "connections are not made to port 22")]
    assert server.handshakes.empty()


# ---- STARTTLS ------------------------------------------------------------------------------------------------------


SMTP = b"220-mx.univ.example\r\n220 ESMTP\r\n"
NO_LDAP = bytes.fromhex("3084000000100201017884000000070a010234040004")
REFUSING = {
    StartTls.SMTP: (conversation(b"250 mx\r\n", b"502 no\r\n", greeting=SMTP), "502 no"),
    StartTls.IMAP: (conversation(b"a1 NO not here\r\n", greeting=b"* OK ready\r\n"), "a1 NO not here"),
    StartTls.POP3: (conversation(b"-ERR no\r\n", greeting=b"+OK ready\r\n"), "-ERR no"),
    StartTls.LDAP: (conversation(NO_LDAP, end=b"20037"), "LDAP result code 2"),
    StartTls.XMPP: (conversation(b"<stream:features></stream:features>", end=b">"), "no STARTTLS among"),
}
OF_PROTOCOLS = {
    protocol: Endpoint(HOST, port, protocol)
    for protocol, port in zip(StartTls, (587, 143, 110, 389, 5222), strict=True)
}


@pytest.mark.parametrize("protocol", StartTls)
def test_tls_begins_in_each_protocol(farm: Farm, protocol: StartTls) -> None:
    """Mail, directory and chat servers are forgotten after a renewal more often than web servers."""
    farm.serve(dialog=STARTTLS[protocol])

    assert farm.observed(OF_PROTOCOLS[protocol]) == [(SERVED, "")]


@pytest.mark.parametrize("protocol", StartTls)
def test_a_refused_starttls_is_broken(farm: Farm, protocol: StartTls) -> None:
    """Clients then refuse the connection, or go on in clear text."""
    refusing, answer = REFUSING[protocol]
    farm.serve(dialog=refusing)

    ((state, text),) = farm.observed(OF_PROTOCOLS[protocol])

    assert state is BROKEN
    assert text.startswith(f"STARTTLS was refused: {answer}")


@pytest.mark.parametrize("protocol", StartTls)
def test_a_server_that_sends_for_ever_is_left(farm: Farm, protocol: StartTls) -> None:
    """Neither the time nor the memory of the function may depend on a server."""

    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"* 250-" + b"x" * 65536)

    farm.serve(dialog=flood)

    assert [state for state, _ in farm.observed(OF_PROTOCOLS[protocol])] == [BROKEN]
