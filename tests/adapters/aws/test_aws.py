from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from renewal.adapters import aws as adapter
from renewal.adapters.aws import meaning, translated
from renewal.domain.errors import AcmRefused, StoreRefused, StoreUnavailable, shortened
from renewal.wiring import RECORD_SECONDS


def failing(error: Exception) -> Callable[[], None]:
    """A call of AWS that ends so."""

    @translated("kms:Encrypt", {"ValidationException": AcmRefused})
    def call() -> None:
        raise error

    return call


def client_error(code: str, status: int = 400, message: str = "canary") -> ClientError:
    """What botocore raises for AWS's error answer."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Encrypt",
    )


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("ProvisionedThroughputExceededException"),
        client_error("TransactionConflictException"),
        client_error("ConditionalRequestConflict", 409),
        client_error("Whatever", 500),
        client_error("Whatever", 503),
        client_error("Whatever", 429),
        EndpointConnectionError(endpoint_url="https://aws.test"),
        ConnectTimeoutError(endpoint_url="https://aws.test"),
        ReadTimeoutError(endpoint_url="https://aws.test"),
    ],
    ids=str,
)
def test_what_passes_by_itself_is_tried_again(error: Exception):
    """The state machine waits for StoreUnavailable by name."""
    with pytest.raises(StoreUnavailable, match="kms:Encrypt"):
        failing(error)()


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("AccessDenied", 403),
        client_error("DisabledException"),
        client_error("NoSuchBucket", 404),
        client_error("ResourceNotFoundException"),
        client_error("NobodyKnowsThisException"),
        NoCredentialsError(),
        ParamValidationError(report="canary"),
    ],
    ids=str,
)
def test_what_must_be_fixed_is_not_tried_again(error: Exception):
    """A missing permission does not appear by waiting. What botocore reports quotes the request, and is not quoted."""
    with pytest.raises(StoreRefused, match="kms:Encrypt") as refusal:
        failing(error)()

    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    assert code in str(refusal.value)
    assert ("canary" in str(refusal.value)) == isinstance(error, ClientError)


class UnauthorizedSSOTokenError(BotoCoreError):
    """Named as botocore's, which needs a configuration."""


@pytest.mark.parametrize(
    "error",
    [*map(client_error, ("ExpiredToken", "ExpiredTokenException", "RequestExpired")), UnauthorizedSSOTokenError()],
    ids=str,
)
def test_an_expired_session_is_named_with_the_login(error: Exception):
    """Operators work with sessions of some hours: their rights and their region are right."""
    with pytest.raises(StoreRefused, match="In a command: your AWS session has expired: log in again") as refusal:
        failing(error)()

    assert "check" not in str(refusal.value)


@pytest.mark.parametrize(
    "denied_by",
    [
        "because no identity-based policy allows the dynamodb:TransactWriteItems action",
        "because no permissions boundary allows the dynamodb:TransactWriteItems action",
        "with an explicit deny in a service control policy",
    ],
)
def test_a_refusal_quotes_which_policy_denied_the_call(denied_by: str):
    """AWS ends its sentence with it, after two long ARNs; an organisation's policy is not fixed by a deployment."""
    role = (
        "arn:aws:sts::123456789012:assumed-role/certmandate-CollectRole-AbCdEfGhIjKl/certmandate-CollectFunction-AbCd"
    )
    table = "arn:aws:dynamodb:eu-west-3:123456789012:table/certmandate-OrdersTable-1ABCDEFGHIJKL"
    text = f"User: {role} is not authorized to perform: dynamodb:TransactWriteItems on resource: {table} {denied_by}"

    with pytest.raises(StoreRefused) as refusal:
        failing(client_error("AccessDeniedException", message=text))()

    assert f"{table} {denied_by})" in shortened(str(refusal.value))


def test_the_same_refusal_has_the_same_text_each_time():
    """DynamoDB quotes KMS with the id of its request; a text that differs would be written and alerted each time."""
    text = "KMS key access denied: the key is disabled. (Service: Kms, Status Code: 400, Request ID: {})"
    texts = [str(meaning(client_error("X", message=text.format(number)), "kms:Decrypt", {})) for number in (1, 2)]
    assert texts[0] == texts[1]
    assert "the key is disabled." in texts[0]


def test_a_named_code_quotes_aws_without_key_material():
    """AWS's sentence is what the operator needs; should it ever echo the request, that is left out."""
    armour = "-----{} PRIVATE KEY-----"
    pem = f"{armour.format('BEGIN')}\n{'Q' * 64}\ncanary\n{armour.format('END')}"
    text = f"The key is wrong: {pem} and {'A' * 60}, see\nthe guide"

    with pytest.raises(AcmRefused) as refusal:
        failing(client_error("ValidationException", message=text))()

    assert str(refusal.value) == (
        "kms:Encrypt: ValidationException: The key is wrong: [removed] and [removed], see the guide"
    )


@pytest.mark.parametrize("error", [client_error("AccessDenied"), BotoCoreError(), client_error("ValidationException")])
def test_botocores_error_is_not_even_the_context_of_ours(error: Exception):
    """It may quote the request, and a printed traceback includes contexts."""
    with pytest.raises((StoreRefused, AcmRefused)) as refusal:
        failing(error)()

    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_other_errors_pass():
    """A mistake of ours must not be called a refusal of AWS."""
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())()


def test_there_is_one_client_for_each_service_and_region(monkeypatch: pytest.MonkeyPatch):
    """Making one takes a tenth of a second, and boto3's session is not made for several threads."""
    monkeypatch.setattr(adapter, "_clients", {})
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: id(adapter.client("kms").meta), range(8)))

    assert len(made) == 1
    assert adapter.client("kms", "us-east-1").meta.region_name == "us-east-1"
    assert adapter.client("kms").meta.region_name == "eu-west-3"


def test_a_client_is_made_at_its_first_call(monkeypatch: pytest.MonkeyPatch):
    """A poll that finds its order pending needs neither KMS nor S3; each takes a part of its cold start."""
    monkeypatch.setattr(adapter, "_clients", {})
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")

    kms = adapter.client("kms")
    assert not adapter._clients
    assert kms.meta.service_model.service_name == "kms"
    assert [*adapter._clients] == [("kms", None)]


@pytest.mark.parametrize("service", ["dynamodb", "s3", "kms", "secretsmanager", "events", "acm"])
def test_clients_give_up_within_the_time_that_is_kept_for_them(service: str):
    """Botocore's own time-outs are a minute each, five times; recording an order must fit into what is kept for it."""
    config: Any = adapter.config_of(service)
    attempts = config.retries["total_max_attempts"]
    waits = sum(2**retry for retry in range(attempts - 1))  # at most: `standard` waits a random part of it

    assert config.retries["mode"] == "standard"
    assert attempts * (config.connect_timeout + config.read_timeout) + waits <= RECORD_SECONDS


@pytest.mark.parametrize("name", ["botocore", "botocore.endpoint", "boto3", "urllib3.connectionpool", "s3transfer"])
def test_botocores_debug_log_cannot_be_switched_on(name: str):
    """It prints request bodies: private keys in base64."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    finally:
        root.setLevel(level)


@pytest.mark.parametrize(
    "error",
    [ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutItem"), NoCredentialsError()],
    ids=["refused", "no credentials"],
)
def test_a_refusal_has_what_to_do_in_a_run_and_in_a_command(error: Exception) -> None:
    """The operator of a command read that it was about the function's region, credentials and settings."""
    text = str(meaning(error, "dynamodb:PutItem", {}))

    assert "In a run: " in text
    assert "`make deploy` restores" in text
    assert "In a command: check " in text
    assert "AWS credentials" in text
