"""Clients of AWS, and what their errors mean to the state machine."""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from renewal.domain.errors import RenewalError, StoreRefused, StoreUnavailable

# At DEBUG `botocore.endpoint` logs request bodies, and with them private keys. Nobody gets to switch that on.
for _name in ("boto3", "botocore", "s3transfer", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_ATTEMPTS = 5
_SINGLE_ATTEMPT = frozenset({"acm"})
"""An import whose answer was lost and that is simply sent again makes a second certificate with a second ARN. So
nothing is sent again behind `acm.py`'s back: it looks first, and the state machine does the waiting."""

_BUSY = frozenset(
    [
        "BandwidthLimitExceeded",
        "ConcurrentModificationException",
        "ConditionalRequestConflict",
        "DependencyTimeoutException",
        "InternalServerError",
        "KMSInternalException",
        "KeyUnavailableException",
        "OperationAborted",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ]
)
"""Codes below HTTP 500 that mean "later" (botocore's retry tables; AWS's pages of errors of the services used)."""

_NO_ANSWER = (HTTPClientError, IncompleteReadError, ResponseStreamingError)

P = ParamSpec("P")
T = TypeVar("T")

_clients: dict[tuple[str, str | None], Any] = {}
_lock = threading.Lock()


def client(service: str, region: str | None = None) -> Any:
    """Return this environment's client of *service* (None = the function's own region), made when first needed."""
    with _lock:
        if (service, region) not in _clients:
            _clients[service, region] = boto3.client(service, region_name=region, config=_config(service))  # type: ignore[call-overload]
        return _clients[service, region]


def _config(service: str) -> Config:
    """Time-outs in seconds."""
    attempts = 1 if service in _SINGLE_ATTEMPT else _ATTEMPTS
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=5, read_timeout=20
    )


def translated(
    action: str, named: Mapping[str, type[RenewalError]] = MappingProxyType({})
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function that makes one kind of call, so that AWS's errors leave it under our names.

    *action* is IAM's word for the call, e.g. `kms:Encrypt`. *named*: AWS's error code to the error that it means here,
    with AWS's text. All other codes become StoreUnavailable (later) or StoreRefused (never), without AWS's text.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except (ClientError, BotoCoreError) as error:
                meant = _meaning(error, action, named)
            # Raised out here, so that botocore's error, which may quote the request, is not even this one's context.
            raise meant

        return wrapper

    return decorate


def error_code(error: ClientError) -> str:
    """Return AWS's name of the error, e.g. `AccessDeniedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _meaning(
    error: ClientError | BotoCoreError, action: str, named: Mapping[str, type[RenewalError]]
) -> RenewalError:
    if isinstance(error, BotoCoreError):
        return _of_botocore(error, action)
    code = error_code(error)
    if code in named:
        return named[code](f"{action}: {code}: {scrubbed(str(error.response['Error'].get('Message', '')))}")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BUSY or status >= 500 or status == 429:
        return StoreUnavailable(f"{action} was put off by AWS: {code}")
    return StoreRefused(
        f"{action} was refused by AWS: {code}; see whether the function's role permits it and the resource is as "
        "template.yaml makes it"
    )


def _of_botocore(error: BotoCoreError, action: str) -> RenewalError:
    kind = type(error).__name__
    if isinstance(error, _NO_ANSWER):
        return StoreUnavailable(f"{action} got no answer from AWS: {kind}")
    return StoreRefused(
        f"{action} could not be sent: {kind}; see the function's region, credentials and settings"
    )


def scrubbed(text: str) -> str:
    """Return AWS's *text* for people: one line of at most 300 characters, without whatever looks like key material."""
    text = re.sub(r"-----BEGIN.*?(-----END[^-]*-----|$)", "[PEM left out]", text, flags=re.DOTALL)
    text = re.sub(r"[A-Za-z0-9+/=_]{48,}", "[left out]", text)
    return " ".join(text.split())[:300]
