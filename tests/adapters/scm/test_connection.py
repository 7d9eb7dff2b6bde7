from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.scm.client import ScmClient
from renewal.adapters.scm.connection import KEEP_ALIVE_SECONDS, new_http_client
from renewal.domain.errors import AnswerLost, ScmUnavailable
from scm_simulator.server import Server
from scm_simulator.simulator import Simulator
from scm_simulator.world.fault import Fault
from tests.adapters.scm.stage import NOW, ORDER, SIMULATED_LOGIN, Wire, client, json_answer, scm, vault
from tests.fakes import HandClock

STALE = httpx.RemoteProtocolError("Server disconnected without sending a response.")
TYPES = json_answer([{"id": 1, "name": "OV", "terms": [90]}])


@pytest.mark.parametrize("failure", [STALE, httpx.ReadError("reset"), httpx.WriteError("broken pipe")])
@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda it: it.profiles(2001), TYPES),
        (lambda it: it.reported(2001), json_answer({"statusCode": 0, "reports": []})),
    ],
    ids=["a GET", "the report, a POST that only reads"],
)
def test_a_stale_connection_is_forgiven_once_where_nothing_changes(failure, ask, answer):
    """SCM closes idle connections after 15 s; the poll that finds out is no outage."""
    ask(scm(failure, answer))


@pytest.mark.parametrize(
    ("failure", "times"),
    [
        (STALE, 2),
        (httpx.ReadTimeout(""), 1),
        (httpx.ConnectError(""), 1),
        (httpx.Response(503), 1),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test/"}), 1),
    ],
    ids=str,
)
def test_a_request_is_repeated_once_and_only_on_a_closed_connection(failure, times):
    """The state machine waits between retries; the target of a redirect would get the password."""
    wire = Wire(failure)

    with pytest.raises(ScmUnavailable):
        client(wire).profiles(2001)

    assert len(wire.requests) == times


def test_marking_as_renewed_is_not_sent_twice():
    """It changes something, so the state machine decides."""
    wire = Wire(STALE)

    with pytest.raises(ScmUnavailable):
        client(wire).mark_renewed(6, 7)

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


def test_idle_connections_are_given_up_before_scm_does():
    """SCM's keep-alive is 15 s (SCM reference §3.7)."""
    with new_http_client() as http:
        transport = cast("httpx.HTTPTransport", http._transport)

        assert transport._pool._keepalive_expiry == KEEP_ALIVE_SECONDS < 15


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


# ---- Real sockets: the simulator's server closes a connection that was kept alive ------------------------------------


@pytest.fixture
def simulator() -> Simulator:
    """SCM with its example world."""
    return Simulator(clock=HandClock(NOW))


@pytest.fixture
def over_sockets(simulator: Simulator) -> Iterator[ScmClient]:
    """Return the real client, after a first request over a real connection to the simulator."""
    with Server(simulator, tls=False) as server, new_http_client() as http:
        url = server.base_url
        made = ScmAccounts(
            vault(SIMULATED_LOGIN), http, base_url=url, oauth_base_url="", token_url="", clock=HandClock(NOW)
        )
        authority = made.authority("univ")
        authority.profiles(2001)
        yield authority


def test_a_dead_kept_alive_connection_costs_a_question_nothing(simulator: Simulator, over_sockets: ScmClient):
    """Over a real socket: the second question meets a dead connection and is asked again on a new one."""
    simulator.dials.faults = [Fault("reset_before", "GET *")]

    over_sockets.profiles(2001)

    assert [call.status for call in simulator.calls] == [200, 0, 200]


def test_a_dead_kept_alive_connection_costs_an_order_its_answer(simulator: Simulator, over_sockets: ScmClient):
    """Over a real socket: the server had read the order before it closed, so it must not be sent again."""
    simulator.dials.faults = [Fault("reset_before", "POST /api/ssl/v1/enroll")]

    with pytest.raises(AnswerLost):
        over_sockets.enroll(ORDER)

    assert [call.method for call in simulator.calls] == ["GET", "POST"]
