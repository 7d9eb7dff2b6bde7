"""What an execution environment that was frozen between two invocations still uses, and what it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

import renewal
from renewal import wiring
from renewal.adapters import aws
from renewal.adapters.acm import Acm
from renewal.adapters.aws import config_of
from tests.adapters.aws.records import a_pair
from tests.adapters.loopback import HEAD, Server
from tests.call_depth import CONTEXT, FUNCTIONS

REGION, SECRET = "eu-west-3", "certmandate/univ"
ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/1"
ACCOUNT: Any = {"region_name": REGION, "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
VARIABLES = {
    "ORDERS_TABLE": "orders",
    "AUDIT_TABLE": "audit",
    "STORE_BUCKET": "store",
    "ORDER_KEY_ID": "key",
    "SECRET_PREFIX": "certmandate",
    "EVENT_BUS": "default",
    "SCM_URL": "https://scm.test/api",
    "SCM_OAUTH_URL": "https://scm.test/api",
    "SCM_TOKEN_URL": "https://scm.test/token",
    "EGRESS_ECHO_URL": "off",
    "DNS_QUERIES": "off",
    "PRIVATE_ENDPOINTS": "off",
    "REGISTERED_ADDRESSES": "off",
    "PRIVATE_ROOTS": "off",
    "QUIET_SECONDS": "390",
    "ORDERS_PER_DELEGATION": "30",
    "ORDERS_PER_RUN": "500",
    "DUE_SHARE_PERCENT": "40",
    "AUDIT_BUCKET": "audit",
    "AUDIT_KEY_ID": "audit",
    "MAIL_SENDER": "off",
    "MAIL_CONFIGURATION_SET": "off",
    "THIRD_PARTY": "off",
    "OPERATOR_WORKING_DAYS": "1",
    "RAO_WORKING_DAYS": "10",
    "EXPIRY_ALARM_DAYS": "14",
    "PENDING_ALARM_HOURS": "48",
    "PASSWORD_ALARM_DAYS": "14",
    "ALERTS_TOPIC": "arn:aws:sns:eu-west-3:123456789012:notices",
    "POWERTOOLS_SERVICE_NAME": "certmandate",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An execution environment with its variables, as a cold start makes it."""
    kept: list[Any] = [cached for cached in vars(wiring).values() if hasattr(cached, "cache_clear")]
    for name, value in (VARIABLES | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws, "_clients", {})
    for cached in kept:
        cached.cache_clear()
    yield
    for cached in kept:
        cached.cache_clear()


@pytest.mark.usefixtures("environment")
def test_the_next_invocation_uses_a_rotated_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock decides: the monotonic one stands still while an environment is frozen."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        secretsmanager = boto3.client("secretsmanager", **ACCOUNT)
        secretsmanager.create_secret(Name=SECRET, SecretString=json.dumps({"login": "drao"}))
        invocations: list[Any] = [wiring.enroll, wiring.collect, wiring.inspect_delegation]
        for invoked in invocations:
            before = invoked(CONTEXT).accounts.credential_version("univ")
            secretsmanager.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"login": invoked.__name__}))
            assert invoked(CONTEXT).accounts.credential_version("univ") != before


@pytest.mark.usefixtures("environment")
def test_a_refusal_is_kept_in_the_order_book_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The RAO has unlocked the account; a run that the operator starts must log in, whatever environment it meets."""
    monkeypatch.setattr(aws, "client", lambda _service: None)
    deadline = wiring._deadline(CONTEXT)
    wiring._accounts(deadline).exclude_version("univ", "v1")

    assert not wiring._accounts(deadline).refused_versions("univ")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("function", sorted(file.stem for file in Path(FUNCTIONS).glob("*.py")))
def test_every_function_knows_how_much_time_it_has(function: str) -> None:
    """Lambda kills a function that does not, with what it was about to record."""
    asked: list[int] = []

    def remaining() -> int:
        asked.append(60_000)
        return asked[-1]

    getattr(wiring, function)(SimpleNamespace(get_remaining_time_in_millis=remaining))

    assert asked


def test_an_import_after_hours_in_the_freezer_reaches_acm_once() -> None:
    """ACM has one attempt: on a forgotten connection it would have no answer, and an operator an alarm."""
    pair, server = a_pair(), Server()
    held = {"Certificate": {"Serial": pair.chain.leaf.serial, "KeyAlgorithm": "EC_prime256v1"}}

    def answer(connection: Any) -> None:
        is_import = "ImportCertificate" in server.requests[-1]
        body = json.dumps({"CertificateArn": ARN} if is_import else held).encode()
        connection.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    server.answer = answer
    make: Any = boto3.client
    client = make("acm", endpoint_url=server.url, config=config_of("acm"), **ACCOUNT)
    client.describe_certificate(CertificateArn=ARN)
    server.forget()

    assert Acm(lambda _region: client).put(pair, REGION, None) == ARN
    assert sum("ImportCertificate" in request for request in server.requests) == 1
    server.close()


def test_only_a_single_call_is_measured_by_the_monotonic_clock() -> None:
    """It may stand still while an environment is frozen, and no environment is frozen in a call."""
    functions = Path(renewal.__file__).parents[1]
    users = {
        path.name for path in functions.rglob("*.py") if re.search(r"\b(monotonic|perf_counter)\(", path.read_text())
    }

    assert users == {"aws.py", "http.py"}
