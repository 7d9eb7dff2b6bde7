"""Injected faults between client and SCM."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from scm_simulator import ConnectionLost, Fault, Simulator
from scm_simulator.in_process import InProcess
from tests.simulator.driver import BASE_URL, HEADERS, NAME, OTHER_NAME, enrollment

ENROLL = "POST /api/ssl/v1/enroll"


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    """A client with broken connections as over a socket."""
    with httpx.Client(transport=InProcess(simulator), base_url=BASE_URL, headers=HEADERS) as client:
        yield client


def test_plain_wsgi_raises_the_simulators_own_exception(simulator: Simulator):
    """A test can use httpx.WSGITransport as well."""
    simulator.dials.faults.append(Fault("reset_before"))

    with httpx.Client(transport=httpx.WSGITransport(app=simulator)) as client, pytest.raises(ConnectionLost):
        client.get(f"{BASE_URL}/ssl/v1")

    assert simulator.calls[-1].status == 0


@pytest.mark.parametrize(
    ("kind", "status", "media"),
    [("too_many_requests", 429, "text/plain"), ("unavailable", 503, "text/plain"), ("bad_gateway", 502, "text/html")],
)
@pytest.mark.parametrize("processed", [False, True])
def test_proxies_answer_without_json(
    simulator: Simulator, client: httpx.Client, kind: Any, status: int, media: str, processed: bool
):
    """A 5xx does not show whether the order was made."""
    simulator.dials.faults.append(Fault(kind, ENROLL, processed=processed))

    answer = client.post("/ssl/v1/enroll", json=enrollment())

    assert (answer.status_code, answer.headers["content-type"]) == (status, media)
    assert len(simulator.orders) == processed
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


def test_an_operation_can_be_refused_for_ever(simulator: Simulator, client: httpx.Client):
    """SCM may permit an account everything but one request."""
    simulator.dials.faults.append(Fault("refused", "GET /api/ssl/v1", times=0, code=-37))

    answers = [client.get("/ssl/v1") for _ in range(3)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, -37)] * 3
    assert client.get("/ssl/v1/types").is_success


@pytest.mark.parametrize("wait", [None, 0, 30])
def test_a_429_can_have_a_retry_after(simulator: Simulator, client: httpx.Client, wait: int | None):
    """SCM's documentation does not promise the header."""
    simulator.dials.faults.append(Fault("too_many_requests", retry_after=wait))

    assert client.get("/ssl/v1").headers.get("retry-after") == (None if wait is None else str(wait))


def test_an_answer_can_be_empty_truncated_or_mislabelled(simulator: Simulator, client: httpx.Client):
    """A client must check the body of a 200."""
    whole = client.get("/ssl/v1/types")
    simulator.dials.faults += [Fault("empty"), Fault("truncated"), Fault("wrong_content_type")]

    empty, half, mislabelled = (client.get("/ssl/v1/types") for _ in range(3))

    assert (empty.status_code, empty.content) == (200, b"")
    assert half.content == whole.content[: len(whole.content) // 2]
    assert (mislabelled.headers["content-type"], mislabelled.content) == ("text/html", whole.content)


def test_a_stale_connection_fails_only_the_next_request(simulator: Simulator, client: httpx.Client):
    """A client repeats a GET once on a new connection, and that must be enough."""
    simulator.dials.faults.append(Fault("stale"))
    assert client.get("/ssl/v1").is_success

    with pytest.raises(httpx.ReadError):
        client.get("/ssl/v1")

    assert client.get("/ssl/v1").is_success


def test_a_fault_applies_after_skip_and_for_times(simulator: Simulator, client: httpx.Client):
    """With times 0 it applies until it is removed."""
    simulator.dials.faults.append(Fault("unavailable", skip=1, times=2))
    assert [client.get("/ssl/v1").status_code for _ in range(5)] == [200, 503, 503, 200, 200]

    simulator.dials.faults[:] = [Fault("unavailable", times=0)]
    assert {client.get("/ssl/v1").status_code for _ in range(9)} == {503}
    simulator.dials.faults.clear()
    assert client.get("/ssl/v1").is_success


@pytest.mark.parametrize(
    ("pattern", "applies"),
    [
        ("GET /api/ssl/v1/types", True),
        ("GET *", True),
        ("* /api/ssl/v1/t*", True),
        ("*types", True),
        ("*ssl*types*", True),
        ("GET /api/ssl/v1", False),
        ("POST *", False),
        ("*types*ssl*", False),
        ("*types/*", False),
    ],
)
def test_a_fault_applies_to_its_operation(simulator: Simulator, client: httpx.Client, pattern: str, applies: bool):
    """The operation is a name or a pattern."""
    simulator.dials.faults.append(Fault("unavailable", pattern))

    assert (client.get("/ssl/v1/types").status_code == 503) == applies


def test_a_fault_applies_to_its_account(simulator: Simulator, client: httpx.Client):
    """A single delegation can fail."""
    simulator.dials.faults.append(Fault("unavailable", login="drao", times=0))

    assert client.get("/ssl/v1").status_code == 503
    assert client.get("/ssl/v1", headers=HEADERS | {"login": "other-drao", "password": "Secret-2"}).is_success


def test_a_fault_applies_to_every_call_about_its_certificate(simulator: Simulator, client: httpx.Client):
    """The name is in the CSR, in the other names, in the order of the path, or in the query."""
    unaffected = client.post("/ssl/v1/enroll", json=enrollment(NAME)).json()["sslId"]
    affected = client.post("/ssl/v1/enroll", json=enrollment(OTHER_NAME)).json()["sslId"]
    simulator.behave(OTHER_NAME, faults=[Fault("unavailable", times=0)])

    def status(method: str, path: str, **more: Any) -> int:
        return client.request(method, f"/ssl/v1{path}", **more).status_code

    assert status("POST", "/enroll", json=enrollment(OTHER_NAME)) == 503
    assert status("POST", "/enroll", json=enrollment(NAME, subjAltNames=OTHER_NAME)) == 503
    assert status("GET", f"/collect/{affected}") == status("GET", f"/{affected}") == 503
    assert status("GET", "", params={"commonName": OTHER_NAME}) == 503
    assert status("POST", "/enroll", json=enrollment(NAME)) == 200
    assert status("GET", f"/collect/{unaffected}") == status("GET", "") == 200
    assert status("POST", "/enroll", content=b'{"csr": 7') == 400


def test_the_token_endpoint_can_fail_alone(simulator: Simulator, client: httpx.Client):
    """It is a different server in SCM's cloud."""
    simulator.dials.faults.append(Fault("unavailable", "*/openid-connect/token"))

    assert client.post("http://scm.test/auth/realms/apiclients/protocol/openid-connect/token").status_code == 503
    assert client.get("/ssl/v1").is_success
