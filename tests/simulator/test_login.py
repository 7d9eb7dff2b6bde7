"""Header login and OAuth2 (SCM reference §2)."""

import base64

import httpx
import pytest

from scm_simulator import Account, Department, Organisation, Profile, Simulator, World
from tests.simulator.material import ClientMaker, Clock, refusal

TOKEN_URL = "http://scm.test/auth/realms/apiclients/protocol/openid-connect/token"
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "client-secret"}
REFUSED = (401, -16)


def a_world(**account: object) -> World:
    """Return a world with one account, made as the test wants it."""
    officer = Account("drao", "Secret-1", departments=(2,), **account)  # type: ignore[arg-type]  # any field
    return World((Organisation(1, "O", departments=(Department(2, "D"),)),), (officer,), (Profile(3, "P"),))


def test_a_wrong_password_is_refused_before_anything_else_is_looked_at(connect: ClientMaker):
    """A client must not learn from a nonsense path that its password is fine; SCM looks at it first."""
    stranger = connect("drao", "wrong")

    assert refusal(stranger.get("/ssl/v1/collect/999?format=nonsense")) == REFUSED
    assert refusal(stranger.get("/nonsense")) == REFUSED


def test_an_unknown_path_is_not_found_once_logged_in(scm: httpx.Client):
    """A misspelt path must not look like an empty answer."""
    assert scm.get("/nonsense").status_code == 404


@pytest.mark.parametrize("header", ["login", "password", "customerUri"])
def test_each_of_the_three_headers_is_needed(scm: httpx.Client, header: str):
    """A client that forgets customerUri is a stranger."""
    del scm.headers[header]

    assert refusal(scm.get("/ssl/v1")) == REFUSED


def test_a_session_cookie_is_set_even_on_a_refusal_and_is_worth_nothing(connect: ClientMaker):
    """A client that trusts the cookie would go on under the credentials of before."""
    refused = connect("drao", "wrong").get("/ssl/v1")
    bare = connect("drao", "wrong")
    bare.cookies.update(refused.cookies)

    assert "CCMBSESSIONID" in refused.headers["set-cookie"]
    assert refusal(bare.get("/ssl/v1")) == REFUSED


def test_repeated_failures_lock_the_account_for_the_right_password_too(simulator: Simulator, connect: ClientMaker):
    """This is what a client that tries again and again does to its delegation."""
    simulator.dials.lock_after = 3
    for _ in range(3):
        connect("drao", "wrong").get("/ssl/v1")

    assert refusal(connect().get("/ssl/v1")) == REFUSED
    simulator.unlock("drao")
    assert connect().get("/ssl/v1").is_success


def test_a_success_forgets_earlier_failures(simulator: Simulator, connect: ClientMaker):
    """One mistake a day must not lock an account in the end."""
    simulator.dials.lock_after = 2
    for _ in range(3):
        connect("drao", "wrong").get("/ssl/v1")
        assert connect().get("/ssl/v1").is_success


def test_no_number_of_failures_locks_when_the_dial_is_at_zero(simulator: Simulator, connect: ClientMaker):
    """Tests about passwords need an account that stays open."""
    simulator.dials.lock_after = 0
    for _ in range(20):
        connect("drao", "wrong").get("/ssl/v1")

    assert connect().get("/ssl/v1").is_success


def test_a_password_ends_with_its_time(clock: Clock, scm: httpx.Client):
    """Passwords end sooner than certificates do: everything stops at once."""
    assert scm.get("/ssl/v1").is_success
    clock.forward(days=91)

    assert refusal(scm.get("/ssl/v1")) == REFUSED


def test_the_dial_expires_every_password_at_once(simulator: Simulator, scm: httpx.Client):
    """A test need not move the clock."""
    simulator.dials.password_expired = True

    assert refusal(scm.get("/ssl/v1")) == REFUSED


@pytest.mark.parametrize(("kind", "status"), [("STANDARD", 401), ("API", 200)])
def test_a_temporary_password_stops_a_standard_account_only(kind: str, status: int):
    """A STANDARD account must first change its password in the user interface."""
    simulator = Simulator(a_world(type=kind, temporary_password=True))
    headers = {"login": "drao", "password": "Secret-1", "customerUri": "example"}
    with httpx.Client(
        transport=httpx.WSGITransport(app=simulator), base_url="http://scm.test/api", headers=headers
    ) as client:
        assert client.get("/ssl/v1").status_code == status

        simulator.set_password("drao", "Changed-1")
        assert client.get("/ssl/v1", headers={"password": "Changed-1"}).is_success


@pytest.mark.parametrize("answer", ["401", "403"])
def test_an_address_outside_the_list_is_refused(answer: str):
    """The egress address is lost: every delegation stops, whatever the password."""
    simulator = Simulator(a_world(allowed_addresses=("192.0.2.7/32", "198.51.100.0/24")))
    simulator.dials.blocked_address_answer = answer  # type: ignore[assignment]  # one of its two values
    headers = {"login": "drao", "password": "Secret-1", "customerUri": "example"}

    def status(peer: str, **more: str) -> int:
        transport = httpx.WSGITransport(app=simulator, remote_addr=peer)
        with httpx.Client(transport=transport, base_url="http://scm.test/api", headers=headers) as client:
            return client.get("/ssl/v1", headers=more).status_code

    assert status("192.0.2.7") == status("198.51.100.9") == 200
    assert status("192.0.2.8") == int(answer)
    assert status("192.0.2.8", **{"X-Peer": "192.0.2.7"}) == int(answer)
    simulator.dials.peer_address_header = "X-Peer"
    assert status("192.0.2.8", **{"X-Peer": "192.0.2.7"}) == 200


def a_token(client: httpx.Client, **form: str) -> httpx.Response:
    """Ask for a token; the form may differ from the right one."""
    return client.post(TOKEN_URL, data=CREDENTIALS | form)


@pytest.fixture
def bearer(scm: httpx.Client) -> httpx.Client:
    """A client without header login."""
    for name in ("login", "password", "customerUri"):
        del scm.headers[name]
    return scm


def test_an_oauth_token_acts_with_the_sight_of_its_account(bearer: httpx.Client):
    """On the OAuth2 host no login header is sent at all."""
    answer = a_token(bearer)
    bearer.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    assert answer.json()["token_type"] == "Bearer"
    assert bearer.get("/organization/v1/managedBy/DRAO_SSL").json()[0]["name"] == "Ours"


def test_a_token_ends_and_the_refusal_says_where_to_get_another(bearer: httpx.Client, clock: Clock):
    """A client that fetches one token and never another fails after five minutes."""
    token = a_token(bearer).json()
    bearer.headers["Authorization"] = f"Bearer {token['access_token']}"
    clock.forward(seconds=token["expires_in"])

    answer = bearer.get("/ssl/v1")

    assert refusal(answer) == REFUSED
    assert answer.headers["www-authenticate"] == TOKEN_URL


def test_the_dial_sets_the_life_of_tokens(simulator: Simulator, bearer: httpx.Client):
    """Short lives make a test of the refresh quick."""
    simulator.dials.oauth_token_seconds = 7

    assert a_token(bearer).json()["expires_in"] == 7


def test_client_credentials_may_come_by_http_basic(bearer: httpx.Client):
    """RFC 6749 lets a client choose; libraries do."""
    pair = base64.b64encode(b"client:client-secret").decode()
    form = {"grant_type": "client_credentials"}

    answer = bearer.post(TOKEN_URL, data=form, headers={"Authorization": f"Basic {pair}"})

    assert answer.is_success


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_token_requests_are_refused_in_oauths_own_words(simulator: Simulator, form: dict[str, str], error: str):
    """The token endpoint is not SCM's: its errors have no code."""
    with httpx.Client(transport=httpx.WSGITransport(app=simulator)) as client:
        assert a_token(client, **form).json() == {"error": error}


def test_calls_are_recorded_with_the_account_behind_the_token(simulator: Simulator, bearer: httpx.Client):
    """Calls are counted per delegation, whatever the way of logging in."""
    bearer.headers["Authorization"] = f"Bearer {a_token(bearer).json()['access_token']}"
    bearer.get("/ssl/v1/types")

    call = simulator.calls[-1]
    assert (call.login, call.status, call.operation) == ("drao", 200, "GET /api/ssl/v1/types")
