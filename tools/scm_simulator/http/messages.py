"""Requests and responses, and their conversion from and to WSGI (PEP 3333)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from scm_simulator.refusals import Refusal, refuse

Header = tuple[str, str]
Json = Any
"""A value that json.loads returns."""

JSON_UTF8 = "application/json;charset=UTF-8"
JSON_PLAIN = "application/json"
CONNECTION = "scm_simulator.connection"
"""WSGI environment key of a server's dict; `close` in it asks the server to close the connection."""


class ConnectionLost(ConnectionResetError):
    """The simulator breaks the connection instead of answering (faults reset_before and reset_after)."""


@dataclass(frozen=True)
class Request:
    """A request: path decoded, header names in lower case."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    base_url: str

    @staticmethod
    def of(environ: WSGIEnvironment) -> Request:
        """Return the request in a WSGI environment."""
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        return Request(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace"),
            query_string=environ.get("QUERY_STRING", ""),
            headers=headers | {"content-type": environ.get("CONTENT_TYPE", "")},
            body=_body(environ),
            peer=environ.get("REMOTE_ADDR", ""),
            base_url=f"{environ['wsgi.url_scheme']}://{headers.get('host', environ.get('SERVER_NAME', ''))}",
        )

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Query parameters; of a repeated parameter the last value."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def number(self, name: str, *, low: int = 0) -> int | None:
        """Return the query parameter *name*; refuse -1001 when it is not a number of at least *low*."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            value = int(text)
        except ValueError:
            raise refuse(-1001, name, "must be a number") from None
        if value < low:
            raise refuse(-1001, name, f"must be greater than or equal to {low}")
        return value

    def object(self) -> dict[str, Json]:
        """Return the JSON object of the body; refuse -1002 when it is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):  # the latter: nested a thousand deep
            raise refuse(-1002) from None
        if not isinstance(value, dict):
            raise refuse(-1002)
        return value


def _body(environ: WSGIEnvironment) -> bytes:
    """Read the body: as many bytes as Content-Length, or to the end where the server marks it."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length:
        return bytes(environ["wsgi.input"].read(int(length)))
    return bytes(environ["wsgi.input"].read()) if environ.get("wsgi.input_terminated") else b""


@dataclass(frozen=True)
class Response:
    """An answer; `headers` without Content-Length."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()

    def with_headers(self, *more: Header) -> Response:
        """Return this answer with *more* headers."""
        return Response(self.status, self.body, (*self.headers, *more))

    @property
    def wsgi_status(self) -> str:
        """The status line for WSGI: `404 Not Found`."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    @property
    def wsgi_headers(self) -> list[Header]:
        """The headers with Content-Length, which a 204 does not have (SCM reference §3.1)."""
        length = [] if self.status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(self.body)))]
        return [*self.headers, *length]


NO_CONTENT = Response(204)
EMPTY_OK = Response(200)


def json_response(
    value: Json, *, status: int = 200, media: str = JSON_PLAIN, headers: Iterable[Header] = ()
) -> Response:
    """Return *value* as compact JSON."""
    text = json.dumps(value, separators=(",", ":"))
    return Response(status, text.encode(), (("Content-Type", media), *headers))


def pretty_json(value: Json, *, status: int = 200, media: str = JSON_UTF8, headers: Iterable[Header] = ()) -> Response:
    """Return *value* as SCM's older areas write JSON: `"a" : 1` on lines of their own."""
    text = json.dumps(value, indent=2, separators=(",", " : "))
    return Response(status, text.encode(), (("Content-Type", media), *headers))


def created(location: str) -> Response:
    """Return a 201 with the address of the new object."""
    return Response(201, b"", (("Location", location),))


def error_response(refusal: Refusal) -> Response:
    """Return the error body that SCM sends for *refusal*."""
    body = {"code": refusal.code, "description": refusal.description}
    return json_response(body, status=refusal.status, media=JSON_UTF8)
