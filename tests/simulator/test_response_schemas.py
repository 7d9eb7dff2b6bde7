"""The table of shapes, and the middleware that holds every answer against it."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest

from scm_simulator import Simulator
from scm_simulator.conformance import Conformance, NotConforming, operation_of
from scm_simulator.http import routing
from scm_simulator.response_schemas import RESPONSE_SCHEMAS
from tests.simulator.material import BASE_URL, Enroll

HEADERS = {"login": "drao", "password": "Secret-1", "customerUri": "example"}


def test_every_operation_that_is_served_has_a_shape_and_no_other():
    """Whoever adds an operation adds its shape."""
    served = {route.operation for route in routing.routes()}

    assert served == {name for name in RESPONSE_SCHEMAS if " /api/" in name}


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/ssl/v1/types", "GET /api/ssl/v1/types"),
        ("GET", "/api/ssl/v1/17", "GET /api/ssl/v1/{sslId}"),
        ("GET", "/api/ssl/v1/collect/17/x509", "GET /api/ssl/v1/collect/{sslId}/{format}"),
        ("POST", "/api/ssl/v1/revoke/manual", "POST /api/ssl/v1/revoke/manual"),
        ("PATCH", "/api/ssl/v1/17", None),
    ],
)
def test_an_operation_is_known_by_method_and_path(method: str, path: str, name: str | None):
    """Words before parameters."""
    assert operation_of(method, path) == name


Change = Callable[[int, dict[str, str], Any], tuple[int, dict[str, str], Any]]


def changed(simulator: Simulator, change: Change) -> Callable[..., Iterable[bytes]]:
    """Wrap the simulator so that *change* is made to every JSON answer."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        told: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            told.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

        value = json.loads(b"".join(simulator(environ, start)))
        status, headers, value = change(told["status"], told["headers"], value)
        start_response(f"{status} X", list(headers.items()))
        return [json.dumps(value).encode()]

    return application


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda _, h, v: (201, h, v), "status 201 instead of 200"),
        (lambda s, h, v: (s, h | {"X-Odd": "1"}, v), "header X-Odd is unknown"),
        (
            lambda s, h, v: (s, {k: x for k, x in h.items() if k != "X-Total-Count"}, v),
            "X-Total-Count is missing",
        ),
        (lambda s, h, v: (s, h | {"Content-Type": "text/html"}, v), "content type 'text/html'"),
        (lambda s, h, v: (s, h, v[0]), "is not an array"),
        (lambda s, h, _: (s, h, [7]), "7 is not an object"),
        (lambda s, h, v: (s, h, [v[0] | {"odd": 1}]), r"body\[0\].odd is unknown"),
        (lambda s, h, v: (s, h, [v[0] | {"sslId": "7"}]), "sslId: '7' is not int"),
        (lambda s, h, v: (s, h, [v[0] | {"sslId": True}]), "sslId: True is not int"),
        (lambda s, h, v: (s, h, [v[0] | {"commonName": None}]), "commonName: None is not str"),
        (lambda s, h, v: (s, h, [v[0] | {"subjectAlternativeNames": [1]}]), "1 is not str"),
        (lambda s, h, _: (s, h, [{"sslId": 1}]), "commonName is missing"),
        (lambda _, h, __: (400, h, {"code": 1}), "error.description is missing"),
    ],
)
def test_whatever_leaves_its_shape_is_caught(simulator: Simulator, enroll: Enroll, change: Change, complaint: str):
    """The net has no holes: each kind of change is seen."""
    enroll()
    application = Conformance(changed(simulator, change))
    transport = httpx.WSGITransport(app=application)

    with (
        httpx.Client(transport=transport, headers=HEADERS) as client,
        pytest.raises(NotConforming, match=complaint),
    ):
        client.get(f"{BASE_URL}/ssl/v1")


def test_an_optional_member_may_be_absent_null_or_empty(simulator: Simulator, enroll: Enroll):
    """All three occur at SCM."""
    enroll()
    values: Iterator[dict[str, Any]] = iter([{}, {"serialNumber": None}, {"serialNumber": ""}])

    def change(status: int, headers: dict[str, str], _: Any) -> tuple[int, dict[str, str], Any]:
        return status, headers, [{"sslId": 1, "commonName": "a", **next(values)}]

    application = Conformance(changed(simulator, change))
    with httpx.Client(transport=httpx.WSGITransport(app=application), headers=HEADERS) as client:
        for _ in range(3):
            assert client.get(f"{BASE_URL}/ssl/v1").is_success
