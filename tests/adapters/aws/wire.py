"""What happens between botocore and AWS: responses are lost, services refuse, another client is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from moto.core.models import botocore_stubber


@contextmanager
def lost_answers(
    client: Any, operation: str, times: int = 1, where: Callable[[Any], bool] = lambda _request: True
) -> Iterator[None]:
    """AWS does what *operation* asks, and the connection breaks before the answer is here."""
    left = [None] * times

    def lose(event_name: str, request: Any, **_: Any) -> None:
        if left and where(request):
            left.pop()
            botocore_stubber(event_name, request)
            raise ConnectionClosedError(endpoint_url=request.url)

    with hooked(client, f"before-send.{_service(client)}.{operation}", lose):
        yield
    assert not left, f"{operation} was sent less often than its answer was to be lost"


@contextmanager
def refused(
    client: Any,
    operation: str,
    code: str,
    message: str = "",
    *,
    status: int = 400,
    more: Any = None,
    times: int = 1000,
) -> Iterator[None]:
    """AWS answers *operation* with an error, with *more* members in the answer, and does nothing; so many times."""
    left = iter(range(times))

    def refuse(**_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if next(left, None) is None:
            return None
        error = {"Code": code, "Message": message}
        metadata = {"HTTPStatusCode": status}
        response: Any = AWSResponse
        return response("https://aws.test", status, {}, None), {
            "Error": error,
            "ResponseMetadata": metadata,
        } | (more or {})

    with hooked(client, f"before-call.{_service(client)}.{operation}", refuse):
        yield


@contextmanager
def meanwhile(
    client: Any,
    operation: str,
    act: Callable[[], object],
    times: int = 1,
) -> Iterator[None]:
    """Another client acts just before *operation* reaches AWS, the first *times* that it is called."""
    left = [None] * times

    def step_in(**_: Any) -> None:
        if left:
            left.pop()
            act()

    with hooked(client, f"before-call.{_service(client)}.{operation}", step_in):
        yield
    assert not left, f"{operation} was called less often than another client was to act"


@contextmanager
def changed(client: Any, operation: str, change: Callable[..., None]) -> Iterator[None]:
    """AWS's answer to *operation* is what *change* makes of `parsed`."""
    with hooked(client, f"after-call.{_service(client)}.{operation}", change):
        yield


@contextmanager
def asked(client: Any, operation: str, change: Callable[..., None]) -> Iterator[None]:
    """What is asked of *operation* is what *change* makes of `params`."""
    with hooked(client, f"provide-client-params.{_service(client)}.{operation}", change):
        yield


@contextmanager
def counted(client: Any, operation: str) -> Iterator[list[dict[str, Any]]]:
    """Collect the parameters of every call of *operation*."""
    calls: list[dict[str, Any]] = []
    event = f"provide-client-params.{_service(client)}.{operation}"
    with hooked(client, event, lambda params, **_: calls.append(params)):
        yield calls


@contextmanager
def hooked(client: Any, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Call *handler* at an event of botocore, before all other handlers."""
    client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)


def _service(client: Any) -> str:
    return str(client.meta.service_model.service_id.hyphenize())
