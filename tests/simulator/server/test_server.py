"""The server: TLS, kept-alive connections, many clients at once."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest

from scm_simulator import Fault, Simulator
from scm_simulator.server import Server
from tests.simulator.driver import HEADERS, Scm, enrollment


@pytest.fixture
def server(simulator: Simulator) -> Iterator[Server]:
    """The simulator over HTTPS."""
    with Server(simulator) as server:
        yield server


@pytest.fixture
def plain(simulator: Simulator) -> Iterator[Server]:
    """The simulator over HTTP."""
    with Server(simulator, tls=False) as server:
        yield server


def client_of(server: Server) -> httpx.Client:
    """Return a client that trusts the CA of the server."""
    verify = ssl.create_default_context(cafile=str(server.ca_file)) if server.ca_file else True
    return httpx.Client(base_url=server.base_url, headers=HEADERS, verify=verify, timeout=10)


def connection_to(server: Server) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", server.port, timeout=5)


def test_the_tls_certificate_is_for_loopback_and_its_own_ca(server: Server):
    """A client verifies TLS here as it does with SCM."""
    with client_of(server) as client:
        assert client.get("/ssl/v1").is_success
        assert client.get(f"https://localhost:{server.port}/api/ssl/v1").is_success
    with httpx.Client(base_url=server.base_url) as client, pytest.raises(httpx.ConnectError):
        client.get("/ssl/v1")


def test_the_files_of_a_server_are_deleted_with_it(simulator: Simulator):
    """They hold the roots and the TLS CA for the clients of this server only."""
    with Server(simulator) as server:
        files = [server.ca_file, server.roots_file]
        assert server.base_url == f"https://127.0.0.1:{server.port}/api"
        assert server.roots_file.read_text() == simulator.root_pem

    assert not any(file.exists() for file in files if file)


def test_a_connection_serves_many_requests(plain: Server):
    """It stays open after refusals, after answers without a body, and after HEAD."""
    with closing(connection_to(plain)) as connection:
        connection.connect()
        first = connection.sock
        for method, path, status in (
            ("GET", "/api/ssl/v1/types", 200),
            ("GET", "/api/nonsense", 404),
            ("HEAD", "/api/ssl/v1", 200),
            ("POST", "/api/ssl/v1/enroll", 400),
            ("GET", "/api/ssl/v1/types", 200),
        ):
            connection.request(method, path, body=b"{}" if method == "POST" else None, headers=HEADERS)
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, connection.sock) == (status, first)


def test_a_server_can_change_its_simulator(plain: Server, simulator: Simulator):
    """The next request on an open connection gets the new simulator, so tests share a server."""
    other = Simulator(simulator.world)
    with client_of(plain) as client:
        client.get("/ssl/v1/types")
        plain.switch_to(other)
        client.get("/ssl/v1/types")

    assert (len(simulator.calls), len(other.calls)) == (1, 1)
    assert plain.roots_file.read_text() == other.root_pem


def test_a_204_has_no_length_and_keeps_the_connection(plain: Server, scm: Scm):
    """SCM sends it without Content-Type and Content-Length."""
    ssl_id = scm.enroll()
    with client_of(plain) as client:
        answer = client.post(f"/ssl/v1/renew/manual/{ssl_id}", json={})

        assert answer.status_code == 204
        assert not {"content-type", "content-length"} & set(answer.headers)
        assert client.get("/ssl/v1").is_success


def test_a_chunked_body_is_read(plain: Server, simulator: Simulator):
    """Some clients stream their requests."""
    text = json.dumps(enrollment()).encode()
    with client_of(plain) as client:
        answer = client.post("/ssl/v1/enroll", content=iter([text[:100], text[100:]]))

    assert answer.is_success
    assert len(simulator.orders) == 1


def test_a_client_without_handshake_does_not_block_others(server: Server):
    """Each connection has its own thread."""
    with closing(socket.create_connection(("127.0.0.1", server.port))), client_of(server) as client:
        assert client.get("/ssl/v1").is_success


def test_concurrent_orders_have_different_ids(simulator: Simulator, plain: Server):
    """The threads share the state."""
    with client_of(plain) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/ssl/v1/enroll", json=enrollment()), range(40)))

    assert len({answer.json()["sslId"] for answer in answers}) == len(simulator.orders) == 40


@pytest.mark.parametrize("tls", [True, False])
def test_a_reset_after_the_request_leaves_an_order(simulator: Simulator, tls: bool):
    """The client gets no answer; under TLS OpenSSL may report the reset as an end of file."""
    expected = (httpx.ReadError, httpx.RemoteProtocolError) if tls else httpx.ReadError
    simulator.dials.faults.append(Fault("reset_after", "POST /api/ssl/v1/enroll"))
    with Server(simulator, tls=tls) as server, client_of(server) as client:
        with pytest.raises(expected):
            client.post("/ssl/v1/enroll", json=enrollment())

        assert len(simulator.orders) == 1
        assert client.get("/ssl/v1").is_success


@pytest.mark.parametrize(
    "prepare",
    [
        lambda simulator: simulator.dials.faults.append(Fault("stale")),
        lambda simulator: setattr(simulator.dials, "keep_alive_seconds", 0.05),
    ],
    ids=["stale", "idle"],
)
def test_a_kept_alive_connection_is_closed_without_notice(
    simulator: Simulator, plain: Server, prepare: Callable[[Simulator], None]
):
    """The next request fails, so a client repeats a GET once on a new connection."""
    prepare(simulator)
    with closing(connection_to(plain)) as connection:
        connection.request("GET", "/api/ssl/v1", headers=HEADERS)
        answer = connection.getresponse()
        answer.read()
        connection.sock.settimeout(5)

        assert answer.getheader("Connection") is None
        assert connection.sock.recv(1) == b""
