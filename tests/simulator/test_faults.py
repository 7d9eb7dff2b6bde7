"""Faults on the way between client and SCM."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from scm_simulator import ConnectionLost, Fault, Simulator
from scm_simulator.in_process import InProcess
from tests.simulator.material import BASE_URL, NAME, OTHER_NAME, RequestMaker

ENROLL = "POST /api/ssl/v1/enroll"
HEADERS = {"login": "drao", "password": "Secret-1", "customerUri": "example"}


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    """A client whose broken connections look as they do over a socket."""
    with httpx.Client(transport=InProcess(simulator), base_url=BASE_URL, headers=HEADERS) as client:
        yield client


@pytest.mark.parametrize(("kind", "orders"), [("reset_before", 0), ("reset_after", 1)])
def test_a_broken_connection_leaves_an_order_or_none(
    simulator: Simulator, client: httpx.Client, request_for: RequestMaker, kind: Any, orders: int
):
    """The client cannot tell the two apart: it must look before it orders again."""
    simulator.dials.faults.append(Fault(kind, ENROLL))

    with pytest.raises(httpx.ReadError):
        client.post("/ssl/v1/enroll", json=request_for())

    assert len(simulator.orders) == orders
    assert simulator.calls[-1].status == 0


def test_plain_wsgi_raises_the_simulators_own_exception(simulator: Simulator):
    """httpx.WSGITransport passes it on as it is."""
    simulator.dials.faults.append(Fault("reset_before"))

    with httpx.Client(transport=httpx.WSGITransport(app=simulator)) as client, pytest.raises(ConnectionLost):
        client.get(f"{BASE_URL}/ssl/v1")


@pytest.mark.parametrize(
    ("kind", "status", "media"),
    [
        ("too_many_requests", 429, "text/plain"),
        ("unavailable", 503, "text/plain"),
        ("bad_gateway", 502, "text/html"),
    ],
)
@pytest.mark.parametrize("processed", [False, True])
def test_proxies_answer_without_json(
    simulator: Simulator,
    client: httpx.Client,
    request_for: RequestMaker,
    kind: Any,
    status: int,
    media: str,
    processed: bool,
):
    """A 5xx says nothing about whether the order was made."""
    simulator.dials.faults.append(Fault(kind, ENROLL, processed=processed))

    answer = client.post("/ssl/v1/enroll", json=request_for())

    assert (answer.status_code, answer.headers["content-type"]) == (status, media)
    assert len(simulator.orders) == processed
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


@pytest.mark.parametrize("wait", [None, 0, 30])
def test_a_429_may_say_how_long_to_wait(simulator: Simulator, client: httpx.Client, wait: int | None):
    """With and without the header."""
    simulator.dials.faults.append(Fault("too_many_requests", retry_after=wait))

    assert client.get("/ssl/v1").headers.get("retry-after") == (None if wait is None else str(wait))


def test_an_answer_may_be_empty_halved_or_misnamed(simulator: Simulator, client: httpx.Client):
    """A 200 is not yet an answer."""
    whole = client.get("/ssl/v1/types")
    simulator.dials.faults += [Fault("empty"), Fault("truncated"), Fault("wrong_content_type")]

    empty, half, misnamed = (client.get("/ssl/v1/types") for _ in range(3))

    assert (empty.status_code, empty.content) == (200, b"")
    assert whole.content.startswith(half.content)
    assert len(half.content) == len(whole.content) // 2
    assert (misnamed.headers["content-type"], misnamed.content) == ("text/html", whole.content)


@pytest.mark.parametrize("processed", [False, True])
def test_a_slow_answer_comes_all_the_same(simulator: Simulator, client: httpx.Client, processed: bool):
    """Slow before or after the work is done: a time-out leaves an order or none."""
    simulator.dials.faults.append(Fault("slow", seconds=0.01, processed=processed))

    assert client.get("/ssl/v1/types").is_success


def test_a_stale_connection_fails_the_next_request_once(simulator: Simulator, client: httpx.Client):
    """A GET may be repeated on a new connection; that must be enough."""
    simulator.dials.faults.append(Fault("stale"))
    assert client.get("/ssl/v1").is_success

    with pytest.raises(httpx.ReadError):
        client.get("/ssl/v1")

    assert client.get("/ssl/v1").is_success


def test_faults_skip_strike_and_are_over(simulator: Simulator, client: httpx.Client):
    """The second and third call fail, no other."""
    simulator.dials.faults.append(Fault("unavailable", skip=1, times=2))

    assert [client.get("/ssl/v1").status_code for _ in range(5)] == [200, 503, 503, 200, 200]


def test_a_fault_can_last(simulator: Simulator, client: httpx.Client):
    """An outage; taken away, it is over."""
    simulator.dials.faults.append(Fault("unavailable", times=0))
    assert {client.get("/ssl/v1").status_code for _ in range(9)} == {503}

    simulator.dials.faults.clear()

    assert client.get("/ssl/v1").is_success


@pytest.mark.parametrize(
    ("pattern", "strikes"),
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
def test_a_fault_knows_its_operation(simulator: Simulator, client: httpx.Client, pattern: str, strikes: bool):
    """By name or by pattern."""
    simulator.dials.faults.append(Fault("unavailable", pattern))

    assert (client.get("/ssl/v1/types").status_code == 503) == strikes


def test_a_fault_knows_its_account(simulator: Simulator, client: httpx.Client):
    """One delegation in trouble, the others not."""
    simulator.dials.faults.append(Fault("unavailable", login="drao", times=0))
    other = HEADERS | {"login": "other-drao", "password": "Secret-2"}

    assert client.get("/ssl/v1").status_code == 503
    assert client.get("/ssl/v1", headers=other).is_success


def test_a_fault_knows_its_certificate_in_every_call_about_it(
    simulator: Simulator, client: httpx.Client, request_for: RequestMaker
):
    """By the CSR, by the other names, by the id in the path, by the query."""
    healthy = client.post("/ssl/v1/enroll", json=request_for(NAME)).json()["sslId"]
    struck = client.post("/ssl/v1/enroll", json=request_for(OTHER_NAME)).json()["sslId"]
    simulator.behave(OTHER_NAME, faults=[Fault("unavailable", times=0)])

    def status(method: str, path: str, **more: Any) -> int:
        return client.request(method, f"/ssl/v1{path}", **more).status_code

    assert status("POST", "/enroll", json=request_for(OTHER_NAME)) == 503
    assert status("POST", "/enroll", json=request_for(NAME, subjAltNames=OTHER_NAME)) == 503
    assert status("GET", f"/collect/{struck}") == status("GET", f"/{struck}") == 503
    assert status("GET", "", params={"commonName": OTHER_NAME}) == 503
    assert status("POST", "/enroll", json=request_for(NAME)) == 200
    assert status("GET", f"/collect/{healthy}") == status("GET", "") == 200
    assert status("POST", "/enroll", content=b'{"csr": 7') == 400


def test_the_token_endpoint_can_fail_too(simulator: Simulator, client: httpx.Client):
    """It is another server: it fails by itself."""
    simulator.dials.faults.append(Fault("unavailable", "*/openid-connect/token"))

    assert client.post("http://scm.test/auth/realms/apiclients/protocol/openid-connect/token").status_code == (503)
    assert client.get("/ssl/v1").is_success
