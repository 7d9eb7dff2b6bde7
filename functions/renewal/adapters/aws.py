"""Clients of AWS, and the errors that AWS's own amount to."""

from __future__ import annotations

import functools
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from renewal.adapters.redaction import redacted_of_aws
from renewal.domain.errors import RenewalError, StoreRefused, StoreUnavailable

# At DEBUG `botocore.endpoint` logs request bodies, and with them private keys: it must stay off.
for _name in ("boto3", "botocore", "s3transfer", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_ATTEMPTS = 3
_CONNECT_SECONDS, _READ_SECONDS = 2, 5
"""Three attempts last 24 s at most: 3 x (2 + 5) s, and 1 s and 2 s between them (botocore's mode `standard`). Each
function keeps more than that after its last request to SCM (`renewal.wiring`)."""
_LEAST_RATE = 1_000_000
"""Bytes a second: an answer has one second more for each million bytes. The results of a run have up to 50 MB."""

_SINGLE_ATTEMPT = frozenset({"acm", "sesv2"})
"""An import that is sent again because its answer was lost makes a second certificate under a second ARN, and a mail
is sent a second time. So botocore repeats nothing here: `acm.py` searches for the first one, and the state machine
waits."""
_SINGLE_READ_SECONDS = 20

_BUSY = frozenset((
    "BandwidthLimitExceeded", "ConditionalRequestConflict", "DependencyTimeoutException", "KMSInternalException",
    "KMSThrottling", "KeyUnavailableException", "OperationAborted", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "RequestTimeout", "RequestTimeoutException", "SlowDown", "ThrottledException", "Throttling",
    "ThrottlingException", "TooManyRequestsException", "TransactionConflictException",
    "TransactionInProgressException",
))  # fmt: skip
"""AWS's codes that mean "later", whatever their HTTP status (botocore's retry tables, AWS's pages)."""

_SESSION_EXPIRED = frozenset((
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "SSOTokenLoadError", "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
))  # fmt: skip
"""AWS's codes, and botocore's exceptions, when temporary credentials have expired; those of a function never do."""
LOG_IN_AGAIN = "your AWS session has expired: log in again (`aws sso login`), then repeat the command"

_NO_ANSWER = (NoConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError)

_UNREADABLE = (ResponseParserError, LookupError, TypeError, ValueError, AttributeError)
"""What botocore's parser, and a function that reads an answer without some member, raise."""

P = ParamSpec("P")
T = TypeVar("T")

_clients: dict[tuple[str, str | None], Any] = {}
_lock = threading.Lock()


@functools.cache
def _session() -> botocore.session.Session:
    """Return botocore's session; boto3's, which adds resources and transfers, takes a sixth of a cold start more."""
    return botocore.session.Session()


class _Client:
    """A client that is made at its first call: a poll that finds its order pending needs two of six."""

    def __init__(self, service: str, region: str | None) -> None:
        self._key = service, region

    def __getattr__(self, name: str) -> Any:
        return getattr(_shared_client(*self._key), name)


def client(service: str, region: str | None = None) -> Any:
    """Return this environment's client of *service*. *region* None = the stack's."""
    return _Client(service, region)


def _shared_client(service: str, region: str | None) -> Any:
    with _lock:
        if (service, region) not in _clients:
            make: Any = _session().create_client  # its stubs want the service as a literal
            _clients[service, region] = with_time_limit(make(service, region_name=region, config=config_of(service)))
        return _clients[service, region]


def with_time_limit(made: Any) -> Any:
    """Return the client *made*, whose read limit from now on ends a whole request, and not only each read."""
    manager = made._endpoint.http_session._manager  # noqa: SLF001  # botocore has no parameter for it
    manager.connection_pool_kw["ssl_context"].sslsocket_class = _TimedSocket
    return made


class _TimedSocket(ssl.SSLSocket):
    """Counts the time limit from the request on; Python counts it again for each piece that is sent or arrives."""

    _began, _moved = 0.0, 0

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._began, self._moved = time.monotonic(), 0
        super().sendall(data, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        return self._in_time(super().send, data, flags)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        return self._in_time(super().recv_into, buffer, nbytes, flags)

    def _in_time(self, move: Callable[..., int], *arguments: Any) -> int:
        limit = self.gettimeout() or _SINGLE_READ_SECONDS
        left = limit + self._moved / _LEAST_RATE - (time.monotonic() - self._began)
        if left <= 0:
            msg = "the time of the request is over"
            raise TimeoutError(msg)
        self.settimeout(left)
        try:
            moved = move(*arguments)
        finally:
            self.settimeout(limit)
        self._moved += moved
        return moved


def config_of(service: str) -> Config:
    """Return the attempts and time limits of calls to a service."""
    attempts, read = (1, _SINGLE_READ_SECONDS) if service in _SINGLE_ATTEMPT else (_ATTEMPTS, _READ_SECONDS)
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(retries=retries, connect_timeout=_CONNECT_SECONDS, read_timeout=read)


def translated(
    action: str, named: Mapping[str, type[RenewalError]] = MappingProxyType({})
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function that makes one kind of call, so that it raises our errors instead of AWS's.

    *action* is IAM's name of the call, e.g. `kms:Encrypt`. *named* maps a code of AWS's to the error that it
    amounts to. Other codes become StoreUnavailable (later) or StoreRefused (never). A refusal quotes AWS's text. What
    *function* cannot read of an answer is StoreUnavailable: the call may have had its effect.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except (ClientError, BotoCoreError) as error:
                translated_error = meaning(error, action, named)
            except _UNREADABLE as error:
                msg = f"{action}: the answer of AWS cannot be read ({type(error).__name__})"
                translated_error = StoreUnavailable(msg)
            # Raised out here, so that botocore's error, which may quote the request, is not even the context of ours.
            raise translated_error

        return wrapper

    return decorate


def error_code(error: ClientError) -> str:
    """Return AWS's name of the error, e.g. `AccessDeniedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def meaning(error: Exception, action: str, named: Mapping[str, type[RenewalError]]) -> RenewalError:
    """Return our error for one of boto3's; see `translated`."""
    if not isinstance(error, ClientError):
        return _of_botocore(error, action)
    code = error_code(error)
    quoted = f"{code}: {redacted_of_aws(error.response.get('Error', {}).get('Message') or '')}"
    if code in named:
        return named[code](f"{action}: {quoted}")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    is_down = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    if is_down or code in _BUSY:
        return StoreUnavailable(
            f"{action}: AWS is busy or down ({code})", had_no_effect=code in _BUSY and "Timeout" not in code
        )
    # AWS names what denied a call, except in answers of services that state `Access Denied` only.
    return StoreRefused(
        f"{action}: AWS refused the call ({quoted}). In a run: a role, policy or resource differs from the template, "
        "which `make deploy` restores, or a service control policy or a permissions boundary denies the call. In a "
        f"command: {_for_operator(error, 'check the rights of your AWS credentials')}"
    )


def _of_botocore(error: Exception, action: str) -> RenewalError:
    name = type(error).__name__
    if isinstance(error, _NO_ANSWER):
        return StoreUnavailable(f"{action}: no answer from AWS ({name})")
    return StoreRefused(
        f"{action}: no call to AWS could be made ({name}). In a run: `make deploy` restores the stack's settings. In a "
        f"command: {_for_operator(error, 'check your AWS credentials and region (`aws sts get-caller-identity`)')}"
    )


def _for_operator(error: Exception, otherwise: str) -> str:
    return LOG_IN_AGAIN if has_session_expired(error) else otherwise


def has_session_expired(error: Exception) -> bool:
    """Return whether *error*, one of boto3's, means that the operator's temporary credentials have expired."""
    return (error_code(error) if isinstance(error, ClientError) else type(error).__name__) in _SESSION_EXPIRED
