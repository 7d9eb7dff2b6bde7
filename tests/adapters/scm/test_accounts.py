from __future__ import annotations

from urllib.parse import parse_qs

import httpx
import pytest

from renewal.domain.credential import Credential
from renewal.domain.errors import AddressRefused, CredentialMissing, CredentialRefused, ScmUnavailable
from tests.adapters.scm.stage import (
    CLIENT,
    CLIENT_SECRET,
    HTML,
    LOGIN,
    NOW,
    ORDER,
    PASSWORD,
    Vault,
    Wire,
    accounts,
    json_answer,
    refusal,
    vault,
)
from tests.fakes import HandClock

UNKNOWN_USER = refusal(-16, "Unknown user", 401)
NO_PROFILES = json_answer([])


def over(wire: Wire, source: Vault, clock: HandClock | None = None):
    """Return accounts over *wire*."""
    return accounts(httpx.MockTransport(wire), source, clock)


def shown(wire: Wire) -> list[str]:
    """The passwords that SCM was shown."""
    return [request.headers["password"] for request in wire.requests]


# ---- Header login --------------------------------------------------------------------------------


def test_every_request_carries_the_three_headers():
    """SCM has no session: it checks them each time."""
    wire = Wire(NO_PROFILES)

    over(wire, vault()).authority("univ").profiles(2001)

    assert str(wire.requests[0].url) == "https://scm.test/api/ssl/v1/types?organizationId=2001"
    assert {name: wire.requests[0].headers[name] for name in ("login", "password", "customerUri")} == {
        "login": "drao",
        "password": PASSWORD,
        "customerUri": "univ",
    }


@pytest.mark.parametrize("answer", [UNKNOWN_USER, refusal(-16, status=400), refusal(-970), httpx.Response(401)])
def test_a_refused_password_is_never_sent_again(answer):
    """SCM locks accounts. The operator sees which version is meant; SCM's status varies, so the code counts, too."""
    wire = Wire(answer)
    made = over(wire, vault())
    at_hand = made.authority("univ")

    for authority in (at_hand, at_hand, made.authority("univ")):
        with pytest.raises(CredentialRefused, match="version 1"):
            authority.profiles(2001)

    assert len(wire.requests) == 1


def test_a_password_that_was_just_changed_is_used_at_once():
    """The rotation stores a new one while a warm function still has the old one in its cache."""
    wire, source = Wire(UNKNOWN_USER, json_answer({"sslId": 55})), vault()
    made = over(wire, source)
    authority = made.authority("univ")
    source.store("2", {**LOGIN, "password": "the-new-one"})

    assert authority.enroll(ORDER) == 55
    assert shown(wire) == [PASSWORD, "the-new-one"]
    assert wire.requests[0].content == wire.requests[1].content
    assert made.credential_version("univ") == "2"


def test_a_new_password_that_is_refused_too_ends_it():
    """Two tries with two passwords, never a third."""
    wire, source = Wire(UNKNOWN_USER), vault()
    made = over(wire, source)
    authority = made.authority("univ")
    source.store("2", {**LOGIN, "password": "the-new-one"})

    for _ in range(2):
        with pytest.raises(CredentialRefused):
            authority.profiles(2001)

    assert shown(wire) == [PASSWORD, "the-new-one"]


def test_a_credential_stored_after_the_refusal_heals_the_account():
    """The operator stores the right password; no function has to be restarted for it."""
    wire, source = Wire(UNKNOWN_USER, NO_PROFILES), vault()
    made = over(wire, source)
    with pytest.raises(CredentialRefused):
        made.authority("univ").profiles(2001)

    source.store("2", {**LOGIN, "password": "the-right-one"})

    assert made.authority("univ").profiles(2001) == ()


def test_a_newer_credential_in_the_cache_is_used_without_a_refusal():
    """`current` moves on when the cache does."""
    wire, source = Wire(NO_PROFILES), vault()
    made = over(wire, source)
    made.authority("univ").profiles(2001)
    source.store("2", {**LOGIN, "password": "the-new-one"})
    source.cached.clear()

    made.authority("univ").profiles(2001)

    assert wire.requests[1].headers["password"] == "the-new-one"


def test_delegations_do_not_share_their_logins():
    """One refused account must not stop another, nor be sent another's password."""
    source = vault()
    source.store("1", {**LOGIN, "login": "other", "password": "others"}, delegation="other")
    wire = Wire(UNKNOWN_USER, NO_PROFILES)
    made = over(wire, source)

    with pytest.raises(CredentialRefused):
        made.authority("univ").profiles(2001)
    made.authority("other").profiles(2002)

    assert [request.headers["login"] for request in wire.requests] == ["drao", "other"]


def test_an_address_that_is_refused_does_not_burn_the_credential():
    """The password is right; once the access list is, it must work again."""
    wire = Wire(refusal(-16, status=403), NO_PROFILES)
    authority = over(wire, vault()).authority("univ")

    with pytest.raises(AddressRefused):
        authority.profiles(2001)

    assert authority.profiles(2001) == ()


def test_a_delegation_without_a_credential_sends_no_request():
    """CredentialMissing is for the operator, and names the member."""
    wire = Wire(NO_PROFILES)

    with pytest.raises(CredentialMissing):
        over(wire, vault()).authority("nobody")
    with pytest.raises(CredentialMissing, match="password"):
        over(wire, vault({"login": "drao", "customer_uri": "univ"})).authority("univ")

    assert not wire.requests


# ---- While a rotation is under way: the pending version is stored beside the current one -----------------------------

NEW = "the-one-of-the-rotation"


@pytest.fixture
def source() -> Vault:
    """The current credential, and a pending one."""
    full = vault()
    full.being_tried["univ"] = Credential("2", {**LOGIN, "password": NEW})
    return full


def only(password: str) -> Wire:
    """SCM takes this password only."""

    def answer(request: httpx.Request) -> httpx.Response:
        return json_answer([]) if request.headers["password"] == password else refusal(-16, "Unknown user", 401)

    return Wire(answer)


def test_the_current_password_is_used_while_it_works(source: Vault) -> None:
    """What is pending may never have been set."""
    wire = only(PASSWORD)
    over(wire, source).authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD]


def test_the_pending_password_is_tried_when_the_current_one_is_refused(source: Vault) -> None:
    """A rotation that ended after the change at SCM must not stop renewals."""
    wire = only(NEW)
    made = over(wire, source)

    for _ in range(3):
        made.authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD, NEW, NEW, NEW]


def test_both_passwords_are_refused_once_each(source: Vault) -> None:
    """SCM counts failed attempts."""
    wire = only("neither")
    made = over(wire, source)

    for _ in range(3):
        with pytest.raises(CredentialRefused):
            made.authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD, NEW]


def test_a_password_pending_for_another_account_is_not_tried(source: Vault) -> None:
    """It may log in, and no run would report that the account the operator has stored is refused."""
    wire = only(NEW)
    source.store("3", {**LOGIN, "login": "another-account"})

    with pytest.raises(CredentialRefused):
        over(wire, source).authority("univ").profiles(2001)

    assert shown(wire) == [PASSWORD]


def test_a_credential_stored_by_the_operator_precedes_the_pending_one(source: Vault) -> None:
    """An operator who stores the right one is believed."""
    wire = only("the-right-one")
    authority = over(wire, source).authority("univ")
    source.store("3", {**LOGIN, "password": "the-right-one"})

    authority.profiles(2001)

    assert shown(wire) == [PASSWORD, "the-right-one"]


# ---- OAuth2 --------------------------------------------------------------------------------------


class TokenServer(Wire):
    """An OAuth2 host: tokens numbered by issue, API calls answered from the script."""

    def __init__(self, *script, expires_in: object = 300, refuses: httpx.Response | None = None) -> None:
        super().__init__(*script)
        self.expires_in = expires_in
        self.refuses = refuses
        self.tokens: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Give a token, or the next answer of the script."""
        if request.url.host != "sso.scm.test":
            return super().__call__(request)
        self.tokens.append(request)
        body = {
            "access_token": f"token-{len(self.tokens)}",
            "expires_in": self.expires_in,
            "token_type": "Bearer",
        }
        return self.refuses or httpx.Response(200, json=body)


@pytest.mark.parametrize("expires_in", [300, "300"])
def test_a_token_is_fetched_once_and_used_until_shortly_before_its_end(expires_in):
    """A token a call would double the load; an expired one would be taken for a refused credential."""
    wire, clock = TokenServer(NO_PROFILES, expires_in=expires_in), HandClock(NOW)
    made = over(wire, vault(CLIENT), clock)

    for seconds in (0, 200, 39, 1):
        clock.advance(seconds=seconds)
        made.authority("univ").profiles(2001)

    assert [request.headers["authorization"] for request in wire.requests] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_token_is_requested_as_the_reference_describes():
    """A form, without scopes; and the API on the other host, without the headers of a header login."""
    wire = TokenServer(NO_PROFILES)

    over(wire, vault(CLIENT)).authority("univ").profiles(2001)

    assert parse_qs(wire.tokens[0].content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["renewals"],
        "client_secret": [CLIENT_SECRET],
    }
    assert wire.requests[0].url.host == "admin.scm.test"
    assert "password" not in wire.requests[0].headers


def test_a_token_that_was_withdrawn_is_replaced_once():
    """The server may have restarted; the client is still good."""
    wire = TokenServer(UNKNOWN_USER, json_answer({"sslId": 55}))

    assert over(wire, vault(CLIENT)).authority("univ").enroll(ORDER) == 55
    assert [request.headers["authorization"] for request in wire.requests] == ["Bearer token-1", "Bearer token-2"]


def test_a_new_token_that_is_refused_is_a_refused_credential():
    """Twice refused, and not a third time."""
    wire = TokenServer(UNKNOWN_USER)
    authority = over(wire, vault(CLIENT)).authority("univ")

    for _ in range(2):
        with pytest.raises(CredentialRefused):
            authority.profiles(2001)

    assert len(wire.requests) == 2


@pytest.mark.parametrize("status", [400, 401])
def test_a_client_that_the_token_server_refuses_is_a_refused_credential(status):
    """invalid_client comes as 400 or 401 (RFC 6749 §5.2); the same secret is not tried again."""
    wire = TokenServer(NO_PROFILES, refuses=httpx.Response(status, json={"error": "invalid_client"}))
    authority = over(wire, vault(CLIENT)).authority("univ")

    for _ in range(2):
        with pytest.raises(CredentialRefused, match="invalid_client"):
            authority.profiles(2001)

    assert len(wire.tokens) == 1
    assert not wire.requests


def test_a_new_client_secret_is_taken_at_once():
    """As with a password that was just rotated."""
    source = vault(CLIENT)
    wire = TokenServer(NO_PROFILES, refuses=httpx.Response(401, json={"error": "invalid_client"}))
    authority = over(wire, source).authority("univ")
    source.store("2", LOGIN)

    assert authority.profiles(2001) == ()
    assert wire.requests[0].headers["login"] == "drao"


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        httpx.Response(429),
        httpx.Response(200),
        httpx.Response(200, text="<html>"),
        json_answer({"expires_in": 3}),
    ],
)
def test_a_token_server_that_is_down_is_an_outage_and_orders_nothing(answer):
    """The order never left: no search for it is needed."""
    wire = TokenServer(json_answer({"sslId": 55}), refuses=answer)

    with pytest.raises(ScmUnavailable) as caught:
        over(wire, vault(CLIENT)).authority("univ").enroll(ORDER)

    assert type(caught.value) is ScmUnavailable
    assert not wire.requests


@pytest.mark.parametrize("expires_in", [10**18, 1e18, -(10**18)], ids=str)
def test_a_token_whose_life_span_is_no_time_is_used(expires_in: object):
    """A number beyond the calendar must not stop the requests; a withdrawn token is replaced anyway."""
    wire = TokenServer(NO_PROFILES, expires_in=expires_in)

    over(wire, vault(CLIENT)).authority("univ").profiles(2001)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("expires_in", [None, "", "soon", 0])
def test_a_token_without_a_life_span_serves_one_call(expires_in):
    """Guessing how long it lives could turn an expired token into a refused credential."""
    wire = TokenServer(NO_PROFILES, expires_in=expires_in)
    authority = over(wire, vault(CLIENT)).authority("univ")

    authority.profiles(2001)
    authority.profiles(2001)

    assert len(wire.tokens) == 2


def test_an_oauth_client_has_no_password_state():
    """Nothing is asked: an API key does not expire like a password."""
    wire = TokenServer(NO_PROFILES)

    assert over(wire, vault(CLIENT)).authority("univ").password_state() is None
    assert not wire.requests
    assert not wire.tokens
