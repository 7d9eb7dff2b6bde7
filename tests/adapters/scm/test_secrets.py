"""No secret may reach an exception: its text ends in the execution's history, the report and a page."""

from __future__ import annotations

import httpx
import pytest

from renewal.adapters.scm.credential import credential_from
from renewal.domain.credential import Credential
from renewal.domain.errors import RenewalError
from tests.adapters.exceptions import everything_in
from tests.adapters.scm.stage import (
    CLIENT,
    CLIENT_SECRET,
    LOGIN,
    ORDER,
    PASSWORD,
    Wire,
    accounts,
    json_answer,
    refusal,
    vault,
)

ECHO = f"login drao password {PASSWORD} secret {CLIENT_SECRET} token t0p-s3cret csr {ORDER.csr}"
FAILURES = [
    pytest.param(refusal(-16, ECHO, 401), id="401"),
    pytest.param(refusal(-2, ECHO, 500), id="500"),
    pytest.param(refusal(-1010, ECHO), id="400"),
    pytest.param(refusal(f"code {PASSWORD} {CLIENT_SECRET} t0p-s3cret", ECHO), id="code that is text"),
    pytest.param(httpx.Response(403, text=ECHO), id="403 in text"),
    pytest.param(httpx.Response(200, text=ECHO), id="200 in text"),
    pytest.param(json_answer({"statusCode": 5, "message": ECHO}), id="failed within a 200"),
    pytest.param(httpx.ReadTimeout(ECHO), id="time-out"),
    pytest.param(httpx.LocalProtocolError(ECHO), id="illegal header"),
    pytest.param(httpx.RemoteProtocolError(ECHO), id="disconnected"),
    pytest.param(httpx.ConnectError("refused"), id="connection refused"),
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    "ask",
    [
        lambda it: it.enroll(ORDER),
        lambda it: it.reported_certificates(2001),
        lambda it: it.password_state(),
        lambda it: it.collect(7),
    ],
    ids=["enroll", "report", "password state", "collect"],
)
def test_a_password_is_in_no_error(failure, ask):
    """Whatever goes wrong, and whatever SCM quotes."""
    authority = accounts(httpx.MockTransport(Wire(failure)), vault(LOGIN)).authority("univ")

    for _ in range(2):  # the second time, the refusal is remembered
        with pytest.raises(RenewalError) as caught:
            ask(authority)

        assert PASSWORD not in everything_in(caught.value)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("where", ["sso.scm.test", "admin.scm.test"])
def test_a_client_secret_and_a_token_are_in_no_error(failure, where):
    """At the token server as at the API."""
    broken = Wire(failure)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == where:
            return broken(request)
        return httpx.Response(200, json={"access_token": "t0p-s3cret", "expires_in": 300})

    authority = accounts(httpx.MockTransport(answer), vault(CLIENT)).authority("univ")

    for _ in range(2):
        with pytest.raises(RenewalError) as caught:
            authority.enroll(ORDER)

        text = everything_in(caught.value)
        assert CLIENT_SECRET not in text
        if where == "admin.scm.test":  # the token server's echo precedes the token
            assert "t0p-s3cret" not in text


def test_nothing_secret_is_in_a_repr():
    """Reprs of what the steps hold."""
    made = accounts(httpx.MockTransport(Wire(json_answer([]))), vault(LOGIN))
    authority = made.authority("univ")
    authority.profiles(2001)
    account = made._sessions["univ"]

    credentials = (credential_from(LOGIN), credential_from(CLIENT), Credential("1", {**LOGIN, **CLIENT}))
    for thing in (made, authority, account, account.login, ORDER, *credentials):
        assert PASSWORD not in repr(thing)
        assert CLIENT_SECRET not in repr(thing)
        assert ORDER.csr not in repr(thing)
