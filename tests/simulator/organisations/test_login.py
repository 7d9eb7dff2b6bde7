"""Header login and OAuth2 (SCM reference §2)."""

import base64
from typing import Any

import httpx
import pytest

from scm_simulator import Account, Department, Organisation, Profile, Simulator, World
from tests.simulator.driver import BASE_URL, HEADERS, Scm, refusal

TOKEN_URL = "http://scm.test/auth/realms/apiclients/protocol/openid-connect/token"
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "client-secret"}
REFUSED = (401, -16)
WRONG = {"password": "wrong"}
NO_LOGIN = {"login": None, "password": None, "customerUri": None}


def a_simulator(**account: Any) -> Simulator:
    """Return a simulator with an account that has these fields."""
    officer = Account("drao", "Secret-1", departments=(2,), **account)
    return Simulator(World((Organisation(1, "O", departments=(Department(2, "D"),)),), (officer,), (Profile(3, "P"),)))


def status(simulator: Simulator, *, peer: str = "127.0.0.1", **headers: str) -> int:
    """Return the status of a request from the address *peer*."""
    transport = httpx.WSGITransport(app=simulator, remote_addr=peer)
    with httpx.Client(transport=transport, base_url=BASE_URL, headers=HEADERS | headers) as client:
        return client.get("/ssl/v1").status_code


@pytest.mark.parametrize("path", ["/ssl/v1/collect/999?format=nonsense", "/nonsense"])
def test_the_login_is_checked_before_path_and_parameters(scm: Scm, path: str):
    """SCM checks the login first, so a wrong path does not show that a password is right."""
    assert refusal(scm.get(path, headers=WRONG)) == REFUSED
    assert scm.get(path).status_code == 404


@pytest.mark.parametrize("header", ["login", "password", "customerUri"])
def test_each_of_the_three_headers_is_required(scm: Scm, header: str):
    """A client that omits customerUri is refused like any unknown account."""
    assert refusal(scm.get("/ssl/v1", headers={header: None})) == REFUSED


def test_the_session_cookie_is_no_login(scm: Scm):
    """SCM sets the cookie even on a refusal, so a client must not rely on it."""
    refused = scm.get("/ssl/v1", headers=WRONG)
    cookie = refused.headers["set-cookie"].partition(";")[0]

    assert cookie.startswith("CCMBSESSIONID")
    assert refusal(scm.get("/ssl/v1", headers=WRONG | {"Cookie": cookie})) == REFUSED


@pytest.mark.parametrize(("limit", "status"), [(3, 401), (0, 200)])
def test_failed_logins_lock_the_account_also_for_the_right_password(scm: Scm, limit: int, status: int):
    """A client that retries a refused password locks its delegation; the dial at 0 never does."""
    scm.dials.lock_after = limit
    for _ in range(3):
        scm.get("/ssl/v1", headers=WRONG)

    assert scm.get("/ssl/v1").status_code == status
    scm.simulator.unlock("drao")
    assert scm.get("/ssl/v1").is_success


def test_a_successful_login_resets_the_failed_attempts(scm: Scm):
    """A single failure a day must not lock an account."""
    scm.dials.lock_after = 2
    for _ in range(3):
        scm.get("/ssl/v1", headers=WRONG)
        assert scm.get("/ssl/v1").is_success


def test_an_expired_password_is_refused(scm: Scm):
    """Passwords expire sooner than certificates, and then every call fails."""
    assert scm.get("/ssl/v1").is_success
    scm.clock.forward(days=91)

    assert refusal(scm.get("/ssl/v1")) == REFUSED
    assert refusal(scm.post("/admin/v1/changepassword", json={"newPassword": "Another-Secret-7"})) == REFUSED


@pytest.mark.parametrize(("kind", "first"), [("STANDARD", 401), ("API", 200)])
def test_a_temporary_password_stops_only_a_standard_account(kind: str, first: int):
    """The password of a STANDARD account must first be changed in the user interface."""
    simulator = a_simulator(type=kind, temporary_password=True)

    assert status(simulator) == first
    simulator.set_password("drao", "Changed-1")
    assert status(simulator, password="Changed-1") == 200


@pytest.mark.parametrize("code", ["401", "403"])
def test_an_address_outside_the_list_is_refused(code: Any):
    """When the egress address changes, every delegation stops whatever the password."""
    simulator = a_simulator(allowed_addresses=("192.0.2.7/32", "198.51.100.0/24"))
    simulator.dials.blocked_address_answer = code
    forged = {"X-Peer": "192.0.2.7"}

    assert status(simulator, peer="192.0.2.7") == status(simulator, peer="198.51.100.9") == 200
    assert status(simulator, peer="192.0.2.8") == status(simulator, peer="192.0.2.8", **forged) == int(code)
    simulator.dials.peer_address_header = "X-Peer"
    assert status(simulator, peer="192.0.2.8", **forged) == 200


def a_token(scm: Scm, **form: str) -> httpx.Response:
    """Request a token; the form may differ from the right form."""
    return scm.post(TOKEN_URL, headers=NO_LOGIN, data=CREDENTIALS | form)


def bearer(token: str) -> dict[str, str | None]:
    return NO_LOGIN | {"Authorization": f"Bearer {token}"}


def test_a_token_acts_for_its_account_in_results_and_records(scm: Scm):
    """With OAuth2 a client sends no login headers."""
    answer = a_token(scm).json()
    departments = scm.get("/organization/v1/managedBy/DRAO_SSL", headers=bearer(answer["access_token"])).json()

    assert (answer["token_type"], departments[0]["name"]) == ("Bearer", "Ours")
    call = scm.simulator.calls[-1]
    assert (call.login, call.status, call.operation) == ("drao", 200, "GET /api/organization/v1/managedBy/{role}")


def test_a_token_expires_and_the_refusal_names_the_token_endpoint(scm: Scm):
    """A client that fetches a token only once fails after the lifetime of the dial."""
    scm.dials.oauth_token_seconds = 7
    token = a_token(scm).json()
    scm.clock.forward(seconds=7)

    response = scm.get("/ssl/v1", headers=bearer(token["access_token"]))

    assert token["expires_in"] == 7
    assert refusal(response) == REFUSED
    assert response.headers["www-authenticate"] == TOKEN_URL


def test_client_credentials_can_be_sent_by_http_basic(scm: Scm):
    """RFC 6749 permits both ways, and libraries use both."""
    pair = base64.b64encode(b"client:client-secret").decode()
    headers = NO_LOGIN | {"Authorization": f"Basic {pair}"}

    assert scm.post(TOKEN_URL, data={"grant_type": "client_credentials"}, headers=headers).is_success


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_token_request_is_refused_with_an_oauth_error(scm: Scm, form: dict[str, str], error: str):
    """The token endpoint is not SCM's API, so its errors have no code."""
    with httpx.Client(transport=httpx.WSGITransport(app=scm.simulator)) as client:
        assert client.post(TOKEN_URL, data=CREDENTIALS | form).json() == {"error": error}
