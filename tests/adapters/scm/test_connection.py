from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.scm.client import ScmClient
from renewal.adapters.scm.connection import KEEP_ALIVE_SECONDS, new_http_client
from renewal.domain.errors import AnswerLost, ScmUnavailable
from tests.adapters.scm.stage import NOW, ORDER, Wire, client, json_answer, scm, vault
from tests.fakes import HandClock

STALE = httpx.RemoteProtocolError("Server disconnected without sending a response.")
TYPES = json_answer([{"id": 1, "name": "OV", "terms": [90]}])


@pytest.mark.parametrize("failure", [STALE, httpx.ReadError("reset"), httpx.WriteError("broken pipe")])
@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda it: it.profiles(2001), TYPES),
        (lambda it: it.reported(2001), json_answer({"statusCode": 0, "reports": []})),
    ],
    ids=["a GET", "the report, a POST that only reads"],
)
def test_a_stale_connection_is_forgiven_once_where_nothing_changes(failure, ask, answer):
    """SCM closes idle connections after 15 s; the poll that finds out is no outage."""
    ask(scm(failure, answer))


@pytest.mark.parametrize(
    ("failure", "times"),
    [
        (STALE, 2),
        (httpx.ReadTimeout(""), 1),
        (httpx.ConnectError(""), 1),
        (httpx.Response(503), 1),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test/"}), 1),
    ],
    ids=str,
)
def test_a_request_is_repeated_once_and_only_on_a_closed_connection(failure, times):
    """The state machine waits between retries; the target of a redirect would get the password."""
    wire = Wire(failure)

    with pytest.raises(ScmUnavailable):
        client(wire).profiles(2001)

    assert len(wire.requests) == times


def test_marking_as_renewed_is_not_sent_twice():
    """It changes something, so the state machine decides."""
    wire = Wire(STALE)

    with pytest.raises(ScmUnavailable):
        client(wire).mark_renewed(6, 7)

    assert len(wire.requests) == 1


def test_a_session_cookie_is_not_sent_back():
    """SCM sets one even on a 401; it must never travel with the login of another account."""
    wire = Wire(httpx.Response(200, headers={"Set-Cookie": "CCMBSESSIONID=abc; Path=/"}, json=[]))
    authority = client(wire)

    authority.profiles(2001)
    authority.profiles(2001)

    assert "cookie" not in wire.requests[1].headers


def test_orders_get_more_patience_than_questions():
    """Giving up on an order early only turns its answer into a lost one."""
    wire = Wire(json_answer({"sslId": 55}))
    authority = client(wire)

    authority.enroll(ORDER)
    authority.mark_renewed(54, 55)

    assert [request.extensions["timeout"]["read"] for request in wire.requests] == [60.0, 20.0]
    assert {request.extensions["timeout"]["connect"] for request in wire.requests} == {5.0}


def test_idle_connections_are_given_up_before_scm_does():
    """SCM's keep-alive is 15 s (SCM reference §3.7)."""
    with new_http_client() as http:
        transport = cast("httpx.HTTPTransport", http._transport)

        assert transport._pool._keepalive_expiry == KEEP_ALIVE_SECONDS < 15


def test_the_http_libraries_do_not_log_requests():
    """Their logs hold URLs, and at their finest the headers: where the password travels."""
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)

    with new_http_client():
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpcore.connection").isEnabledFor(logging.INFO)


def test_requests_name_certmandate_as_the_client():
    """A vendor who wants to talk to us must find us in their logs."""
    wire = Wire(TYPES)

    client(wire).profiles(2001)

    assert wire.requests[0].headers["user-agent"] == "certmandate"


# ---- Real sockets: a server that forgets its second answer on a kept-alive connection ------------

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


class ForgetfulServer:
    """Answers the first request of every connection, and hangs up on the second."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[str] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.listener.getsockname()
        return f"http://{host}:{port}/api"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                if self._took(connection):
                    connection.sendall(ANSWER)
                    self._took(connection)

    def _took(self, connection: socket.socket) -> bool:
        read = b""
        while b"\r\n\r\n" not in read:
            if not (more := connection.recv(65536)):
                return False
            read += more
        self.requests.append(read.decode().splitlines()[0])
        return True


@pytest.fixture
def forgetful() -> Iterator[ForgetfulServer]:
    """Return the server, stopped afterwards."""
    server = ForgetfulServer()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()


@pytest.fixture
def over_sockets(forgetful: ForgetfulServer) -> Iterator[ScmClient]:
    """Return the real client, over a real connection to it."""
    with new_http_client() as http:
        made = ScmAccounts(vault(), http, base_url=forgetful.url, oauth_base_url="", token_url="", clock=HandClock(NOW))
        yield made.authority("univ")


def test_a_dead_kept_alive_connection_costs_a_question_nothing(forgetful: ForgetfulServer, over_sockets: ScmClient):
    """Over a real socket: the second question meets a dead connection and is asked again on a new one."""
    over_sockets.profiles(1)
    over_sockets.profiles(1)

    assert forgetful.connections == 2
    assert len(forgetful.requests) == 3


def test_a_dead_kept_alive_connection_costs_an_order_its_answer(forgetful: ForgetfulServer, over_sockets: ScmClient):
    """Over a real socket: the server had read the order before it closed, so it must not be sent again."""
    over_sockets.profiles(1)

    with pytest.raises(AnswerLost):
        over_sockets.enroll(ORDER)

    assert [line for line in forgetful.requests if "enroll" in line] == ["POST /api/ssl/v1/enroll HTTP/1.1"]
