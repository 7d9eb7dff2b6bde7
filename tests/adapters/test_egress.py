"""The egress address, as a service that echoes it answers."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from renewal.adapters.egress import CACHE_SECONDS, EchoedAddress
from renewal.adapters.scm.connection import new_http_client
from tests.adapters.scm.stage import Answer, Wire


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def egress(wire: Wire, *clock: Callable[[], float]) -> EchoedAddress:
    """The address that the service behind *wire* observes."""
    return EchoedAddress(new_http_client(transport=httpx.MockTransport(wire)), "https://echo.test/", *clock)


def test_the_address_is_read_from_the_echo() -> None:
    """With the line's end that such services add."""
    assert egress(Wire(httpx.Response(200, text="192.0.2.7\n")))() == "192.0.2.7"


def test_the_echo_is_asked_once_in_five_minutes() -> None:
    """A thousand delegations must not ask a thousand times, nor wait so often for an echo that is down."""
    clock, wire = Seconds(), Wire(httpx.Response(200, text="out of order"), httpx.Response(200, text="192.0.2.8"))
    address = egress(wire, clock)
    address()
    assert (address(), len(wire.requests)) == ("", 1)

    clock.now += CACHE_SECONDS
    assert (address(), len(wire.requests)) == ("192.0.2.8", 2)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text=""),
        httpx.Response(200, text="<html>192.0.2.7</html>"),
        httpx.Response(200, text="2001:db8::7"),
        httpx.Response(200, text="192.0.2.300"),
        httpx.Response(503, text="192.0.2.7"),
        httpx.Response(302, text="192.0.2.7"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
def test_what_is_no_address_is_not_known(answer: Answer) -> None:
    """The maintenance page of an echo is no changed address; and a run must not depend on another party's service."""
    assert not egress(Wire(answer))()
