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
from tests.simulator.material import Enroll, RequestMaker

HEADERS = {"login": "drao", "password": "Secret-1", "customerUri": "example"}


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


def trusting(server: Server) -> httpx.Client:
    """Return a client that trusts the CA of the server."""
    verify = ssl.create_default_context(cafile=str(server.ca_file)) if server.ca_file else True
    return httpx.Client(base_url=server.base_url, headers=HEADERS, verify=verify, timeout=10)


def test_the_certificate_of_the_server_is_for_loopback_and_from_its_own_ca(server: Server):
    """A client must check TLS here as it does elsewhere."""
    with trusting(server) as client:
        assert client.get("/ssl/v1").is_success
        assert client.get(f"https://localhost:{server.port}/api/ssl/v1").is_success
    with httpx.Client(base_url=server.base_url) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get("/ssl/v1")


def test_the_address_says_api_and_the_roots_are_in_a_file(simulator: Simulator, server: Server):
    """Whatever a client needs is on the server object."""
    assert server.base_url == f"https://127.0.0.1:{server.port}/api"
    assert server.roots_file.read_text() == simulator.root_pem


def test_the_files_go_with_the_server(simulator: Simulator):
    """Nothing is left behind."""
    with Server(simulator) as server:
        files = [server.ca_file, server.roots_file]

    assert not any(one.exists() for one in files if one)


def test_one_connection_serves_many_requests(plain: Server):
    """Also after refusals, after answers without a body, and after HEAD."""
    with closing(HTTPConnection("127.0.0.1", plain.port, timeout=5)) as connection:
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


def test_another_simulator_answers_from_the_next_request_on(plain: Server, simulator: Simulator):
    """Also on a connection that stands: a server is made once for many worlds."""
    other = Simulator(simulator.world)
    with trusting(plain) as client:
        client.get("/ssl/v1/types")
        plain.play(other)
        client.get("/ssl/v1/types")

    assert (len(simulator.calls), len(other.calls)) == (1, 1)
    assert plain.roots_file.read_text() == other.root_pem


def test_an_answer_without_a_body_has_no_length_and_the_connection_lives_on(plain: Server, enroll: Enroll):
    """A 204 as it was recorded: no Content-Type, no Content-Length."""
    ssl_id = enroll()
    with trusting(plain) as client:
        answer = client.post(f"/ssl/v1/renew/manual/{ssl_id}", json={})

        assert answer.status_code == 204
        assert not {"content-type", "content-length"} & set(answer.headers)
        assert client.get("/ssl/v1").is_success


def test_a_body_in_chunks_is_understood(plain: Server, simulator: Simulator, request_for: RequestMaker):
    """Some clients stream."""
    text = json.dumps(request_for()).encode()
    with trusting(plain) as client:
        answer = client.post("/ssl/v1/enroll", content=iter([text[:100], text[100:]]))

    assert answer.is_success
    assert len(simulator.orders) == 1


def test_a_client_that_does_not_shake_hands_holds_up_nobody(server: Server):
    """Each connection has a thread of its own."""
    with closing(socket.create_connection(("127.0.0.1", server.port))), trusting(server) as client:
        assert client.get("/ssl/v1").is_success


def test_many_orders_at_once_get_as_many_ids(simulator: Simulator, plain: Server, request_for: RequestMaker):
    """State is shared by threads."""
    with trusting(plain) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/ssl/v1/enroll", json=request_for()), range(40)))

    assert len({one.json()["sslId"] for one in answers}) == len(simulator.orders) == 40


@pytest.mark.parametrize("tls", [True, False])
def test_a_reset_is_a_reset(simulator: Simulator, tls: bool, request_for: RequestMaker):
    """The request was processed; the client sees no answer. Under TLS OpenSSL may call it an end of file."""
    seen = (httpx.ReadError, httpx.RemoteProtocolError) if tls else httpx.ReadError
    simulator.dials.faults.append(Fault("reset_after", "POST /api/ssl/v1/enroll"))
    with Server(simulator, tls=tls) as server, trusting(server) as client:
        with pytest.raises(seen):
            client.post("/ssl/v1/enroll", json=request_for())

        assert len(simulator.orders) == 1
        assert client.get("/ssl/v1").is_success


def closed(connection: HTTPConnection) -> bool:
    """Return whether the other side closes the connection soon."""
    connection.sock.settimeout(5)
    return connection.sock.recv(1) == b""


@pytest.mark.parametrize(
    "disturb",
    [
        lambda simulator: simulator.dials.faults.append(Fault("stale")),
        lambda simulator: setattr(simulator.dials, "keep_alive_seconds", 0.05),
    ],
    ids=["stale", "idle"],
)
def test_a_kept_alive_connection_is_closed_without_a_word(
    simulator: Simulator, plain: Server, disturb: Callable[[Simulator], None]
):
    """The next request on it fails: a client repeats a GET once on a new connection."""
    disturb(simulator)
    with closing(HTTPConnection("127.0.0.1", plain.port, timeout=5)) as connection:
        connection.request("GET", "/api/ssl/v1", headers=HEADERS)
        answer = connection.getresponse()
        answer.read()

        assert answer.getheader("Connection") is None
        assert closed(connection)


def test_the_peer_of_a_connection_is_the_address_that_counts(simulator: Simulator, plain: Server):
    """The list of addresses is held against the connection, not against what a client says."""
    account = simulator.world.accounts[0]
    object.__setattr__(account, "allowed_addresses", ("192.0.2.7",))

    with trusting(plain) as client:
        assert client.get("/ssl/v1", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401
