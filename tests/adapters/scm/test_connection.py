from __future__ import annotations

import logging

import httpx
import pytest

from renewal.adapters.http import new_http_client
from renewal.domain.errors import ScmUnavailable
from tests.adapters.scm.stage import ORDER, Wire, client, json_answer

STALE = httpx.RemoteProtocolError("Server disconnected without sending a response.")
TYPES = json_answer([{"id": 1, "name": "OV", "terms": [90]}])


@pytest.mark.parametrize(
    "failure",
    [
        STALE,
        httpx.ReadTimeout(""),
        httpx.ConnectError(""),
        httpx.Response(503),
        httpx.Response(302, headers={"Location": "https://elsewhere.test/"}),
    ],
    ids=str,
)
def test_no_request_is_repeated(failure):
    """The state machine waits between retries; the target of a redirect would get the password."""
    wire = Wire(failure)

    with pytest.raises(ScmUnavailable):
        client(wire).profiles(2001)

    assert len(wire.requests) == 1


def test_a_session_cookie_is_not_sent_back():
    """SCM sets one even on a 401; it must never travel with the login of another account."""
    wire = Wire(httpx.Response(200, headers={"Set-Cookie": "CCMBSESSIONID=abc; Path=/"}, json=[]))
    authority = client(wire)

    authority.profiles(2001)
    authority.profiles(2001)

    assert "cookie" not in wire.requests[1].headers


def test_orders_get_more_patience_than_questions():
    """Giving up on an order early only turns its answer into a lost one."""
    wire = Wire(json_answer({"sslId": 55}))
    authority = client(wire)

    authority.enroll(ORDER)
    authority.mark_renewed(54, 55)

    assert [request.extensions["timeout"]["read"] for request in wire.requests] == [60.0, 20.0]
    assert {request.extensions["timeout"]["connect"] for request in wire.requests} == {5.0}


def test_the_http_libraries_do_not_log_requests():
    """Their logs hold URLs, and at their finest the headers: where the password travels."""
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)

    with new_http_client():
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpcore.connection").isEnabledFor(logging.INFO)


def test_requests_name_certmandate_as_the_client():
    """A vendor who wants to talk to us must find us in their logs."""
    wire = Wire(TYPES)

    client(wire).profiles(2001)

    assert wire.requests[0].headers["user-agent"] == "certmandate"
