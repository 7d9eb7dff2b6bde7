"""Conformance: a WSGI middleware that lets no answer pass that is not in the table of shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from .shapes import ERROR, ERROR_STATUSES, EVERYWHERE, OCTETS, PEM_MEDIA, SHAPES, Body, Shape

_NOTHING: tuple[object, ...] = (None, "")


class NotConforming(AssertionError):
    """An answer does not have the shape that SCM's has; the text says which and where."""


class Conformance:
    """Wraps the simulator; raises NotConforming on an answer that SCM would not give.

    Made for a simulator without faults, and without the dials that leave the shape on purpose
    (extra_members).
    """

    def __init__(self, application: WSGIApplication) -> None:
        """Watch *application*."""
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, look at the answer, pass it back."""
        told: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], trouble: Any = None) -> Any:
            told.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))
            return start_response(status, headers, trouble)

        body = b"".join(self._application(environ, start))
        name = operation_of(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        for complaint in complaints(name, told["status"], told["headers"], body):
            message = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ({told['status']}): {complaint}"
            raise NotConforming(message)
        return [body]


def operation_of(method: str, path: str) -> str | None:
    """Return the name in the table of the operation with this method and path; the fewest parameters win."""
    for name in sorted(SHAPES, key=lambda name: name.count("{")):
        if _expression(name).fullmatch(f"{method} {path.rstrip('/')}"):
            return name
    return None


def _expression(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name)))


def complaints(name: str | None, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Yield what is not right with an answer of the operation *name*."""
    if status in ERROR_STATUSES:
        if not (name or "").startswith("HEAD ") or body:  # HEAD has no body, of an error neither (RFC 9110 §9.3.2)
            yield from _of_json(json.loads(body), ERROR, "error")
    elif name is None:
        yield "no such operation in the table"
    else:
        yield from _of_success(SHAPES[name], status, headers, body)


def _of_success(shape: Shape, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    if status != shape.status:
        yield f"status {status} instead of {shape.status}"
    if shape.body != OCTETS or body:  # a certificate that is pending may be said with nothing at all
        yield from (f"header {name} is missing" for name in shape.headers if name not in headers)
    yield from (f"header {name} is unknown" for name in headers if name not in (*shape.headers, *EVERYWHERE))
    yield from _of_body(shape.body, headers.get("Content-Type", ""), body)


def _of_body(shape: Body, media: str, body: bytes) -> Iterator[str]:
    if shape is None:
        if body:
            yield "a body where there is none"
    elif shape == OCTETS:
        if not media.startswith(PEM_MEDIA):
            yield f"content type {media!r} instead of {PEM_MEDIA}"
    elif not media.startswith("application/json"):
        yield f"content type {media!r} instead of JSON"
    else:
        yield from _of_json(json.loads(body), shape, "body")


def _of_json(value: Any, shape: Body, place: str) -> Iterator[str]:
    """Yield where *value* leaves *shape*; the notation is that of `shapes`."""
    if shape is Any:
        return
    if isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no array"
            return
        for i, one in enumerate(value):
            yield from _of_json(one, shape[0], f"{place}[{i}]")
    elif isinstance(shape, dict):
        yield from _of_object(value, shape, place)
    elif type(value) is not shape:
        yield f"{place}: {value!r} is no {shape.__name__}"


def _of_object(value: Any, shape: Mapping[str, Body], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no object"
        return
    if "*" in shape:
        for name, one in value.items():
            yield from _of_json(one, shape["*"], f"{place}.{name}")
        return
    known = {name.removesuffix("?"): (name.endswith("?"), kind) for name, kind in shape.items()}
    yield from (f"{place}.{name} is unknown" for name in value if name not in known)
    for name, (optional, kind) in known.items():
        if name not in value:
            if not optional:
                yield f"{place}.{name} is missing"
        elif not (optional and value[name] in _NOTHING):
            yield from _of_json(value[name], kind, f"{place}.{name}")
