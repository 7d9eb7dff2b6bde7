"""The egress address, over real HTTP on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from renewal.adapters.egress import CACHE_SECONDS, EchoedAddress


class Echo(BaseHTTPRequestHandler):
    """Sends the response of its server."""

    server: EchoServer

    def do_GET(self) -> None:
        self.server.asked += 1
        body = self.server.answer.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class EchoServer(ThreadingHTTPServer):
    """An echo on a free port of loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.answer, self.status, self.asked = "192.0.2.7\n", 200, 0
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def egress() -> Iterator[Callable[..., EchoedAddress]]:
    with ExitStack() as clients:
        yield lambda url, *clock: EchoedAddress(clients.enter_context(httpx.Client(trust_env=False)), url, *clock)


def test_the_address_is_read_from_the_echo(echo: EchoServer, egress: Callable[..., EchoedAddress]) -> None:
    """With the line's end that such services add."""
    assert egress(echo.url)() == "192.0.2.7"


def test_the_echo_is_asked_once_in_five_minutes(echo: EchoServer, egress: Callable[..., EchoedAddress]) -> None:
    """A thousand delegations must not ask a thousand times, nor wait so often for an echo that is down."""
    clock = Seconds()
    address = egress(echo.url, clock)
    for answer in ("out of order", "192.0.2.8"):
        echo.answer = answer
        address()
    assert (address(), echo.asked) == ("", 1)

    clock.now += CACHE_SECONDS
    assert (address(), echo.asked) == ("192.0.2.8", 2)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, ""), (200, "<html>192.0.2.7</html>"), (200, "2001:db8::7"), (200, "192.0.2.300"), (503, "192.0.2.7"),
     (302, "192.0.2.7")],
)  # fmt: skip
def test_what_is_no_address_is_not_known(
    echo: EchoServer, egress: Callable[..., EchoedAddress], status: int, answer: str
) -> None:
    """The maintenance page of an echo must not be reported as a changed address."""
    echo.status, echo.answer = status, answer
    assert not egress(echo.url)()


def test_no_answer_is_not_known(egress: Callable[..., EchoedAddress]) -> None:
    """A run must not depend on another party's service."""
    with EchoServer() as closed:
        url = closed.url
    assert not egress(url)()
