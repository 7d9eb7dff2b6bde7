"""The functions' calls to AWS, intercepted at each attempt, between botocore and moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn
from urllib.parse import unquote

from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from campaign.interception.calls import Answers, Interception
from campaign.interception.network import IDLE_SECONDS
from campaign.interception.staleness import INDEX

Observe = Callable[[str, str, Any], None]
"""Called with (service, operation, body) after every call that took effect."""

_BUSY = {"s3": (503, "SlowDown"), "dynamodb": (400, "ProvisionedThroughputExceededException")}
_OTHERS_BUSY = (400, "ThrottlingException")
_DENIED = (403, "AccessDenied")
_OTHERS_DENIED = (400, "AccessDeniedException")


def intercepted_client(
    client: Any, interception: Interception, observe: Observe, seconds: Callable[[str], float]
) -> Any:
    """Return *client* with every call intercepted; *seconds*: how long a call of a service takes.

    moto's own hook is removed from this client: ours calls moto when, and as often as, a call takes effect.
    """
    service = client.meta.service_model.service_name
    client.meta.events.unregister("before-send", botocore_stubber)
    connection = _connection_of(client, interception)

    def send(event_name: str, request: Any, **_: Any) -> Any:
        operation = _operation(event_name, request)

        def effect() -> Any:
            interception.time.pass_seconds(seconds(service))
            interception.require_alive(interception.invocation)
            connection.use(request.url)
            request.reset_stream()  # a late or repeated call sends its body from the beginning
            answer = botocore_stubber(event_name, request)
            if answer is not None and answer.status_code < 300:
                observe(service, operation, request.body)
            return answer

        answers = Answers(
            effect=effect,
            lost=partial(_lost, interception, request.url, client.meta.config.read_timeout),
            error=partial(_answer, service, request.url, *_BUSY.get(service, _OTHERS_BUSY)),
            denial=partial(_answer, service, request.url, *(_DENIED if service == "s3" else _OTHERS_DENIED)),
            is_own=f"runs/{interception.invocation.run_id}/" in unquote(request.url),
        )
        return interception.intercept(service, operation, answers)

    client.meta.events.register("before-send", send)
    if service != "s3":  # to which moto takes an unsigned request for an anonymous one
        client.meta.events.register("choose-signer", lambda **_: UNSIGNED)
    return client


@dataclass(slots=True)
class _Connection:
    """The connection that a client keeps between its calls."""

    interception: Interception
    used_at: float | None = None
    """None: the next call opens one."""

    def use(self, url: str) -> None:
        """Raise ConnectionClosedError where the connection was forgotten while it was idle; the next one is new."""
        used_at, now = self.used_at, self.interception.time.seconds()
        is_forgotten = used_at is not None and now - used_at > IDLE_SECONDS
        self.used_at = None if is_forgotten else now
        if is_forgotten and self.interception.forgets_idle:
            raise ConnectionClosedError(endpoint_url=url)

    def close(self) -> None:
        """Open a new one at the next call."""
        self.used_at = None


def _connection_of(client: Any, interception: Interception) -> _Connection:
    connection, close = _Connection(interception), client.close

    def closed() -> None:
        close()
        connection.close()

    client.close = closed
    return connection


def _operation(event_name: str, request: Any) -> str:
    operation = event_name.rsplit(".", 1)[-1]
    return INDEX if operation == "Query" and b'"IndexName"' in request.body else operation


def _lost(interception: Interception, url: str, seconds: float) -> NoReturn:
    interception.time.pass_seconds(seconds)
    raise ReadTimeoutError(endpoint_url=url)


def _answer(service: str, url: str, status: int, code: str) -> Any:
    """Return an error in the service's format: XML for S3 and SNS, otherwise JSON."""
    if service in {"s3", "sns"}:
        error = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
        media, body = "application/xml", error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        media, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": "injected"})
    make: Any = AWSResponse
    return make(url, status, {"Content-Type": media, "x-amzn-errortype": code}, MockRawResponse(body))
