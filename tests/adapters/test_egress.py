"""The egress address, as a service that echoes it answers."""

from __future__ import annotations

import httpx
import pytest

from renewal.adapters.egress import EchoedAddress
from renewal.adapters.http import MOST_BYTES, new_http_client
from tests.adapters.scm.stage import NOW, Answer, Wire
from tests.fakes import HandClock, ample


def egress(wire: Wire) -> EchoedAddress:
    """The address that the service behind *wire* observes."""
    http = new_http_client(transport=httpx.MockTransport(wire))
    return EchoedAddress(http, "https://echo.test/", ample(HandClock(NOW)))


def test_the_address_is_read_from_the_echo() -> None:
    """With the line's end that such services add."""
    assert egress(Wire(httpx.Response(200, text="192.0.2.7\n")))() == "192.0.2.7"


def test_an_answer_without_end_is_not_an_address() -> None:
    """The look-up is another party's service: its answer must not fill the memory."""
    assert not egress(Wire(httpx.Response(200, text="1" * (MOST_BYTES + 1))))()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text=""),
        httpx.Response(200, text="<html>192.0.2.7</html>"),
        httpx.Response(200, text="2001:db8::7"),
        httpx.Response(200, text="192.0.2.300"),
        httpx.Response(503, text="192.0.2.7"),
        httpx.Response(302, text="192.0.2.7"),
        httpx.Response(200, headers={"Content-Type": "text/plain; charset=base64"}, content=b"192.0.2.7 is no base64"),
        httpx.Response(200, headers={"Content-Type": "text/plain; charset=rot13"}, content=b"192.0.2."),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
def test_what_is_no_address_is_not_known(answer: Answer) -> None:
    """The maintenance page of an echo is no changed address; and a run must not depend on another party's service."""
    assert not egress(Wire(answer))()
