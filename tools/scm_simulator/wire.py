"""Requests and answers on the wire, free of WSGI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from .refusals import Refusal, refuse

Header = tuple[str, str]
Json = Any
"""What json.loads gives."""

JSON_UTF8 = "application/json;charset=UTF-8"
JSON_PLAIN = "application/json"


class ConnectionLost(ConnectionResetError):
    """The simulator breaks the connection instead of answering (faults reset_before and reset_after)."""


@dataclass(frozen=True)
class Request:
    """One request: path decoded, header names in lower case."""

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""
    base_url: str = ""

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Query parameters; of a repeated one the last counts."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def number(self, name: str, default: int | None = None, *, low: int = 0) -> int | None:
        """Return the query parameter *name* as a number of at least *low*; refuse -1001 when it is not."""
        text = self.query.get(name, "")
        if not text:
            return default
        try:
            value = int(text)
        except ValueError:
            raise Refusal(-1001, f"Value of '{name}' must be a number.") from None
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


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()

    def with_headers(self, *more: Header) -> Response:
        """Return this answer with *more* headers."""
        return Response(self.status, self.body, (*self.headers, *more))


NO_CONTENT = Response(204)
EMPTY_OK = Response(200)


def json_answer(
    value: Json,
    *,
    status: int = 200,
    media: str = JSON_PLAIN,
    pretty: bool = False,
    headers: Iterable[Header] = (),
) -> Response:
    """Return *value* as JSON; `pretty` as SCM's older areas write it: `"a" : 1` on lines of their own."""
    text = json.dumps(value, indent=2, separators=(",", " : ")) if pretty else json.dumps(value, separators=(",", ":"))
    return Response(status, text.encode(), (("Content-Type", media), *headers))


def refusal_answer(refusal: Refusal) -> Response:
    """Return the error body that SCM sends for *refusal*."""
    body = {"code": refusal.code, "description": refusal.description}
    return json_answer(body, status=refusal.status, media=JSON_UTF8)
