"""The table of response schemas, and the middleware that checks every response against it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest

from scm_simulator.conformance import Conformance, NotConforming, complaints, operation_of
from scm_simulator.http import routing
from scm_simulator.response_schemas import RESPONSE_SCHEMAS
from tests.simulator.driver import BASE_URL, Scm

LIST = "GET /api/ssl/v1"
HEADERS = {"Content-Type": "application/json", "X-Total-Count": "1"}
ITEM = {"sslId": 1, "commonName": "a", "subjectAlternativeNames": ["b"], "serialNumber": "AB"}


def complaints_about(status: int, headers: dict[str, str], value: Any) -> list[str]:
    """Return the complaints about a list of certificates."""
    return list(complaints(LIST, status, headers, json.dumps(value).encode()))


def test_every_served_operation_has_a_schema():
    """Who adds an operation adds its schema, and no schema is left of a deleted operation."""
    served = {route.operation for route in routing.routes()}

    assert served == {name for name in RESPONSE_SCHEMAS if " /api/" in name}


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/ssl/v1/types", "GET /api/ssl/v1/types"),
        ("GET", "/api/ssl/v1/17", "GET /api/ssl/v1/{sslId}"),
        ("GET", "/api/ssl/v1/collect/17/x509", "GET /api/ssl/v1/collect/{sslId}/{format}"),
        ("GET", "/api/admin/v1/password", "GET /api/admin/v1/password"),
        ("PATCH", "/api/ssl/v1/17", None),
    ],
)
def test_an_operation_is_found_by_method_and_path(method: str, path: str, name: str | None):
    """A literal part of a path takes precedence over a parameter."""
    assert operation_of(method, path) == name


@pytest.mark.parametrize(
    ("status", "headers", "value", "complaint"),
    [
        (201, HEADERS, [ITEM], "status 201 instead of 200"),
        (200, HEADERS | {"X-Odd": "1"}, [ITEM], "header X-Odd is unknown"),
        (200, {"Content-Type": "application/json"}, [ITEM], "header X-Total-Count is missing"),
        (200, HEADERS | {"Content-Type": "text/html"}, [ITEM], "content type 'text/html' instead of JSON"),
        (200, HEADERS, {}, "body: {} is not an array"),
        (200, HEADERS, [7], "body[0]: 7 is not an object"),
        (200, HEADERS, [ITEM | {"odd": 1}], "body[0].odd is unknown"),
        (200, HEADERS, [ITEM | {"sslId": "7"}], "body[0].sslId: '7' is not int"),
        (200, HEADERS, [ITEM | {"sslId": True}], "body[0].sslId: True is not int"),
        (200, HEADERS, [ITEM | {"commonName": None}], "body[0].commonName: None is not str"),
        (200, HEADERS, [ITEM | {"subjectAlternativeNames": [1]}], "body[0].subjectAlternativeNames[0]: 1 is not str"),
        (200, HEADERS, [{"sslId": 1}], "body[0].commonName is missing"),
        (400, HEADERS, {"code": 1}, "error.description is missing"),
    ],
)
def test_each_violation_of_a_schema_is_found(status: int, headers: dict[str, str], value: Any, complaint: str):
    """A response that SCM would not send must fail a test."""
    assert complaints_about(status, headers, value) == [complaint]


@pytest.mark.parametrize("member", [{}, {"serialNumber": None}, {"serialNumber": ""}])
def test_an_optional_member_can_be_absent_null_or_empty(member: dict[str, Any]):
    """All three occur in SCM."""
    assert complaints_about(200, HEADERS, [{"sslId": 1, "commonName": "a"} | member]) == []


def test_the_middleware_raises_on_a_violation(scm: Scm):
    """The text names the operation and its status."""

    def with_another_status(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return scm.simulator(environ, lambda _, headers, __=None: start("201 Created", headers))

    transport = httpx.WSGITransport(app=Conformance(with_another_status))
    with httpx.Client(transport=transport) as client, pytest.raises(NotConforming, match=r"GET /api/ssl/v1 \(201\): "):
        client.get(f"{BASE_URL}/ssl/v1")
