"""Conformance: a WSGI middleware that checks every response against the table of response schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from scm_simulator.response_schemas import (
    ERROR,
    ERROR_STATUSES,
    EVERYWHERE,
    OCTETS,
    PEM_MEDIA,
    RESPONSE_SCHEMAS,
    BodySchema,
    ResponseSchema,
)

_NOTHING: tuple[object, ...] = (None, "")


class NotConforming(AssertionError):
    """A response does not have its schema; the text names the operation and the place."""


class Conformance:
    """Wraps the simulator; raises NotConforming on a response that SCM would not send.

    For a simulator without faults, and without the dial that violates the schemas on purpose (extra_members).
    """

    def __init__(self, application: WSGIApplication) -> None:
        """Check the responses of *application*."""
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request to the application, and return its response after the check."""
        sent: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            sent.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))
            return start_response(status, headers, exc_info)

        body = b"".join(self._application(environ, start))
        name = operation_of(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        for complaint in complaints(name, sent["status"], sent["headers"], body):
            message = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ({sent['status']}): {complaint}"
            raise NotConforming(message)
        return [body]


def operation_of(method: str, path: str) -> str | None:
    """Return the operation in the table with this method and path; of several the one with fewest parameters."""
    for name in sorted(RESPONSE_SCHEMAS, key=lambda name: name.count("{")):
        expression = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name))
        if re.fullmatch(expression, f"{method} {path.rstrip('/')}"):
            return name
    return None


def complaints(name: str | None, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Yield the errors in a response of the operation *name*."""
    if status in ERROR_STATUSES:
        if not (name or "").startswith("HEAD ") or body:  # a response to HEAD has no body (RFC 9110 §9.3.2)
            yield from _in_json(json.loads(body), ERROR, "error")
    elif name is None:
        yield "no such operation in the table"
    else:
        yield from _in_success(RESPONSE_SCHEMAS[name], status, headers, body)


def _in_success(schema: ResponseSchema, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    if status != schema.status:
        yield f"status {status} instead of {schema.status}"
    if schema.body != OCTETS or body:  # collect may answer a pending order with an empty 200
        yield from (f"header {name} is missing" for name in schema.headers if name not in headers)
    yield from (f"header {name} is unknown" for name in headers if name not in (*schema.headers, *EVERYWHERE))
    yield from _in_body(schema.body, headers.get("Content-Type", ""), body)


def _in_body(schema: BodySchema, media: str, body: bytes) -> Iterator[str]:
    if schema is None:
        if body:
            yield "an unexpected body"
    elif schema == OCTETS:
        if not media.startswith(PEM_MEDIA):
            yield f"content type {media!r} instead of {PEM_MEDIA}"
    elif not media.startswith("application/json"):
        yield f"content type {media!r} instead of JSON"
    else:
        yield from _in_json(json.loads(body), schema, "body")


def _in_json(value: Any, schema: BodySchema, place: str) -> Iterator[str]:
    """Yield where *value* violates *schema*; the notation is that of `response_schemas`."""
    if schema is Any:
        return
    if isinstance(schema, list):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is not an array"
            return
        for i, item in enumerate(value):
            yield from _in_json(item, schema[0], f"{place}[{i}]")
    elif isinstance(schema, dict):
        yield from _in_object(value, schema, place)
    elif type(value) is not schema:
        yield f"{place}: {value!r} is not {schema.__name__}"


def _in_object(value: Any, schema: Mapping[str, BodySchema], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is not an object"
        return
    if "*" in schema:
        for name, member in value.items():
            yield from _in_json(member, schema["*"], f"{place}.{name}")
        return
    known = {name.removesuffix("?"): (name.endswith("?"), kind) for name, kind in schema.items()}
    yield from (f"{place}.{name} is unknown" for name in value if name not in known)
    for name, (optional, kind) in known.items():
        if name not in value:
            if not optional:
                yield f"{place}.{name} is missing"
        elif not (optional and value[name] in _NOTHING):
            yield from _in_json(value[name], kind, f"{place}.{name}")
