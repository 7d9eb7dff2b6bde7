"""Requests to SCM over real sockets: forgotten flows, answers without end, answers of any size."""

from __future__ import annotations

import gzip
import json
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trustme

from local.tls_server import TlsServer
from renewal.adapters import http
from renewal.adapters.http import MOST_BYTES
from renewal.adapters.scm.client import ScmClient
from renewal.adapters.scm.request import MOST_BYTES_OF_REPORT
from renewal.deadline import Deadline
from renewal.domain.errors import AnswerLost, ScmUnavailable
from tests.adapters.loopback import HEAD, Server, dripping, sending
from tests.adapters.scm.stage import ORDER, accounts, vault

ORDERED = b'{"sslId": 55}'


@pytest.fixture
def server() -> Iterator[Server]:
    """Return the server, stopped afterwards."""
    made = Server()
    yield made
    made.close()


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


def connected(server: Server, *, seconds: float = 60, host: str = "127.0.0.1") -> ScmClient:
    """Return the real client over the network, for an invocation that has *seconds* left."""
    deadline, url = Deadline(now() + timedelta(seconds=seconds), now), server.url.replace("127.0.0.1", host)
    return accounts(None, vault(), now, deadline, f"{url}/api").authority("univ")


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the name `scm.test` have these addresses."""
    resolve = socket.getaddrinfo

    def resolved(host: str, port: int, *rest: Any, **options: Any) -> Any:
        if host != "scm.test":
            return resolve(host, port, *rest, **options)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [entry for address in addresses for entry in resolve(address, port, *rest, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def test_an_order_after_hours_in_the_freezer_reaches_scm_once(server: Server) -> None:
    """A frozen environment's connection has been forgotten by the NAT gateway; its clock has not moved meanwhile."""
    authority = connected(server)
    authority.profiles(2001)
    server.forget()
    server.answer = sending(f"{HEAD}Content-Length: {len(ORDERED)}\r\n\r\n".encode(), ORDERED)

    assert authority.enroll(ORDER) == 55
    assert [line for line in server.lines() if "enroll" in line] == ["POST /api/ssl/v1/enroll HTTP/1.1"]


@pytest.mark.parametrize("drips", ["in the headers", "in the body"])
@pytest.mark.parametrize(
    ("ask", "error"),
    [(lambda it: it.profiles(2001), ScmUnavailable), (lambda it: it.enroll(ORDER), AnswerLost)],
    ids=["a question", "an order"],
)
def test_an_answer_that_drips_ends_at_the_deadline(
    server: Server, drips: str, ask: Callable[[ScmClient], object], error: type[Exception]
) -> None:
    """A time limit for each read never ends it: a byte every 4 s kept a function waiting until it was killed."""
    start = HEAD if drips == "in the headers" else f"{HEAD}Content-Length: 1000000\r\n\r\n"
    server.answer = dripping(server, f"{start}X".encode())

    with pytest.raises(error, match="Timeout"):
        ask(connected(server, seconds=1))


def test_nothing_is_sent_when_no_time_is_left(server: Server) -> None:
    """An order that may have been sent costs a search and a quiet period."""
    with pytest.raises(ScmUnavailable) as caught:
        connected(server, seconds=0).enroll(ORDER)

    assert type(caught.value) is ScmUnavailable
    assert not server.requests


def test_an_address_that_refuses_leads_to_the_next(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host has several addresses so that one may be out of order; the order is sent to one of them only."""
    resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    server.answer = sending(f"{HEAD}Content-Length: {len(ORDERED)}\r\n\r\n".encode(), ORDERED)

    assert connected(server, host="scm.test").enroll(ORDER) == 55
    assert server.lines() == ["POST /api/ssl/v1/enroll HTTP/1.1"]


@pytest.mark.parametrize(
    ("addresses", "cause"), [((), "cannot be resolved"), (("127.0.0.2",), "refused")], ids=["no address", "refused"]
)
def test_an_order_that_no_address_took_was_not_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], cause: str
) -> None:
    """The next run orders at once: an order that may have been sent costs a search and a quiet period."""
    resolving(monkeypatch, *addresses)

    with pytest.raises(ScmUnavailable, match=cause) as caught:
        connected(server, host="scm.test").enroll(ORDER)

    assert type(caught.value) is ScmUnavailable


def test_a_connection_without_time_for_tls_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of Lambda lives for hours: connections left open use up its file descriptors."""
    connect, passed, opened = socket.create_connection, [0], []

    def connect_late(*rest: Any, **options: Any) -> socket.socket:
        opened.append(connect(*rest, **options))
        passed[0] += 60
        return opened[0]

    monkeypatch.setattr(socket, "create_connection", connect_late)
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: passed[0]))

    with pytest.raises(httpx.ConnectTimeout):
        http.new_http_client().get(server.url.replace("http:", "https:"))

    assert [connection.fileno() for connection in opened] == [-1]


@pytest.mark.parametrize(
    ("name", "is_trusted", "is_refused"),
    [("127.0.0.1", True, False), ("127.0.0.1", False, True), ("scm.example", True, True)],
    ids=["the right one", "of another CA", "of another name"],
)
def test_only_a_server_with_a_trusted_certificate_of_its_name_gets_the_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, is_trusted: bool, is_refused: bool
) -> None:
    """Who answers in SCM's place would read the password, and could name any certificate as issued."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    made = authority.issue_cert(name)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    with TlsServer(
        "".join(part.bytes().decode() for part in (made.private_key_pem, *made.cert_chain_pems))
    ) as impostor:
        host, port = impostor.address
        deadline = Deadline(now() + timedelta(seconds=20), now)

        with pytest.raises(ScmUnavailable):  # the right one closes the connection, too: it is no SCM
            accounts(None, vault(), now, deadline, f"https://{host}:{port}/api").authority("univ").profiles(2001)

        assert impostor.handshakes.empty() is is_refused


def compressed(body: bytes) -> tuple[bytes, ...]:
    """Return the parts of an answer in gzip, whatever the client has asked for."""
    packed = gzip.compress(body)
    return f"{HEAD}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode(), packed


def endless(server: Server) -> Callable[[socket.socket], None]:
    """Send a list that never ends."""

    def send(connection: socket.socket) -> None:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        while not server.is_over.is_set():
            connection.sendall(b"10000\r\n" + b"[" * 65536 + b"\r\n")

    return send


@pytest.mark.parametrize("kind", ["a gzip bomb", "an endless list"])
def test_an_answer_of_any_size_takes_little_memory(server: Server, kind: str) -> None:
    """1 MB of gzip became 2.1 GiB; a function has 512 MiB."""
    server.answer = endless(server) if kind == "an endless list" else sending(*compressed(bytes(300_000_000)))
    authority = connected(server)

    tracemalloc.start()
    with pytest.raises(ScmUnavailable, match="AnswerTooLarge"):
        authority.profiles(2001)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 6 * MOST_BYTES


def test_a_report_of_a_large_department_is_read_in_little_memory(server: Server) -> None:
    """It is one answer. At 2 MB it became unreadable beyond 1,265 certificates, and revocations were not noticed."""
    row = {"commonName": "idp.univ.example", "status": "Issued", "comments": "certmandate order", "filler": "x" * 1_480}
    report = json.dumps({"statusCode": 0, "reports": [{"id": number, **row} for number in range(3_000)]}).encode()
    assert MOST_BYTES < len(report) < MOST_BYTES_OF_REPORT
    server.answer = sending(f"{HEAD}Content-Length: {len(report)}\r\n\r\n".encode(), report)
    authority = connected(server)

    tracemalloc.start()
    rows = authority.reported_certificates(2001)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(rows) == 3_000
    assert most < 5 * MOST_BYTES_OF_REPORT


def test_a_report_of_brackets_fits_into_the_memory(server: Server) -> None:
    """Each takes 28 times its size; the function would be killed, and its delegation not inspected."""
    report = b'{"reports": [' + b"{}," * (MOST_BYTES_OF_REPORT // 3 - 9) + b"{}]}"
    server.answer = sending(f"{HEAD}Content-Length: {len(report)}\r\n\r\n".encode(), report)
    authority = connected(server)

    tracemalloc.start()
    with suppress(ScmUnavailable):
        authority.reported_certificates(2001)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 180 * 1024 * 1024, "beside what the function has imported, in 256 MiB"


def test_an_answer_that_is_too_large_is_not_an_outage(server: Server) -> None:
    """Waiting does not help: the finding about the report states so."""
    server.answer = endless(server)

    with pytest.raises(ScmUnavailable, match="AnswerTooLarge") as raised:
        connected(server).reported_certificates(2001)

    assert raised.value.is_too_large


def test_an_order_whose_answer_is_too_large_may_exist(server: Server) -> None:
    """SCM has read the order; only its answer was refused."""
    server.answer = endless(server)

    with pytest.raises(AnswerLost, match="AnswerTooLarge"):
        connected(server).enroll(ORDER)


def test_a_compressed_answer_is_read(server: Server) -> None:
    """We ask for none, but a proxy may compress all the same."""
    server.answer = sending(*compressed(json.dumps([{"id": 1, "name": "OV", "terms": [90]}]).encode()))

    assert [profile.profile_id for profile in connected(server).profiles(2001)] == [1]


def test_an_answer_that_is_not_compressed_as_declared_is_an_outage(server: Server) -> None:
    """The error has a name of ours."""
    server.answer = sending(f"{HEAD}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]".encode())

    with pytest.raises(ScmUnavailable, match="DecodingError"):
        connected(server).profiles(2001)
