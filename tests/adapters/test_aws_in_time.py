"""Requests to AWS over real sockets, with answers that do not end."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from renewal.adapters import aws
from renewal.adapters.acm import Acm
from renewal.adapters.keys import KmsSigner
from renewal.adapters.order_book.table import Table
from renewal.adapters.runs import S3RunArchive
from renewal.domain.errors import StoreUnavailable
from renewal.domain.run.plan import PlanFacts
from tests.adapters.loopback import HEAD, Server, dripping

ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/1"
BODY = f"{HEAD}Content-Length: 1000000\r\n\r\n"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-3",
    "AWS_ENDPOINT_URL": "",
    "AWS_CA_BUNDLE": "",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """All of AWS at one address; a call has one attempt, which may take a second."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    made = Server(context)
    reached = {"AWS_ENDPOINT_URL": made.url, "AWS_CA_BUNDLE": str(tmp_path / "roots.pem")}
    for name, value in (ENVIRONMENT | reached).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws, "_clients", {})
    for name in ("_ATTEMPTS", "_READ_SECONDS", "_SINGLE_READ_SECONDS"):
        monkeypatch.setattr(aws, name, 1)
    aws._session.cache_clear()
    yield made
    made.close()
    aws._session.cache_clear()


CALLS: dict[str, tuple[Callable[[], object], str]] = {
    "headers": (lambda: KmsSigner(aws.client("kms"), "key").public_key(), f"{HEAD}X"),
    "a body": (lambda: Table(aws.client("dynamodb"), "orders").read([("univ", "delegation")]), BODY),
    "a call with one attempt": (lambda: Acm(lambda _: aws.client("acm")).stored_serial("eu-west-3", ARN), BODY),
    "an object": (lambda: S3RunArchive(aws.client("s3"), "store").read_notified(), BODY),
    "what comes before the body of a request": (
        lambda: S3RunArchive(aws.client("s3"), "store").write_facts("run-1", PlanFacts(datetime.now(UTC))),
        "HTTP/1.1 1",
    ),
}


@pytest.mark.parametrize("dripping_part", CALLS)
def test_an_answer_of_aws_that_drips_ends_in_time(server: Server, dripping_part: str) -> None:
    """Botocore limits each read: a byte a second would keep a function until Lambda kills it."""
    call, start = CALLS[dripping_part]
    server.answer = dripping(server, start.encode())

    with pytest.raises(StoreUnavailable, match="no answer from AWS"):
        call()

    assert not server.was_patient.is_set()


def test_an_answer_may_take_the_longer_the_larger_it_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results of a large run must not fail it because a function's network is slow."""
    monkeypatch.setattr(aws, "_LEAST_RATE", 100_000)

    def send(connection: socket.socket) -> None:
        connection.sendall(f'{HEAD}ETag: "1"\r\nContent-Length: 300000\r\n\r\n'.encode())
        for _ in range(6):
            server.is_over.wait(0.25)
            connection.sendall(b" " * 50_000)

    server.answer = send

    assert S3RunArchive(aws.client("s3"), "store").read_notified() is None


def test_no_client_of_aws_is_made_elsewhere() -> None:
    """It would have botocore's limits, of each read."""
    functions = Path(aws.__file__).parents[2]
    makers = {
        str(path.relative_to(functions))
        for path in functions.rglob("*.py")
        if re.search(r"boto3\.(client|Session)|create_client", path.read_text())
    }

    assert makers == {"renewal/adapters/aws.py"}
