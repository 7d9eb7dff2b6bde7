"""The functions' calls to AWS, between botocore and moto, where each attempt of a call crosses the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from campaign.wire import Wire

Observer = Callable[[str, str, Any], None]
"""Is told (service, operation, body) of every call that took effect."""

_BUSY = {"s3": (503, "SlowDown"), "dynamodb": (400, "ProvisionedThroughputExceededException")}
_OTHERS_BUSY = (400, "ThrottlingException")
_DENIED = (403, "AccessDenied")
_OTHERS_DENIED = (400, "AccessDeniedException")


def crossing_client(client: Any, wire: Wire, observe: Observer) -> Any:
    """Return *client*, whose calls from now on cross *wire*.

    moto's own hook is taken out of this client: ours asks moto when, and as often as, a call takes effect.
    """
    service = client.meta.service_model.service_name
    client.meta.events.unregister("before-send", botocore_stubber)

    def send(event_name: str, request: Any, **_: Any) -> Any:
        operation = event_name.rsplit(".", 1)[-1]

        def effect() -> Any:
            request.reset_stream()  # what comes late, or twice, sends its body from the beginning
            answer = botocore_stubber(event_name, request)
            if answer is not None and answer.status_code < 300:
                observe(service, operation, request.body)
            return answer

        return wire.cross(
            service,
            operation,
            effect=effect,
            lost=partial(_lost, wire, request.url, client.meta.config.read_timeout),
            error=partial(_answer, service, request.url, *_BUSY.get(service, _OTHERS_BUSY)),
            denial=partial(_answer, service, request.url, *(_DENIED if service == "s3" else _OTHERS_DENIED)),
        )

    client.meta.events.register("before-send", send)
    return client


def _lost(wire: Wire, url: str, seconds: float) -> NoReturn:
    wire.time.pass_seconds(seconds)
    raise ReadTimeoutError(endpoint_url=url)


def _answer(service: str, url: str, status: int, code: str) -> Any:
    """An error as the service writes it: S3 in XML, the others in JSON."""
    if service == "s3":
        media, body = "application/xml", f"<Error><Code>{code}</Code><Message>struck</Message></Error>"
    else:
        media, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": "struck"})
    make: Any = AWSResponse
    return make(url, status, {"Content-Type": media, "x-amzn-errortype": code}, MockRawResponse(body))
