"""What crosses the local AWS's HTTP edge, with what it is about: `local.calls` keeps names only."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, unquote

from local.calls import Call, CallRecorder, WsgiApp


@dataclass(frozen=True, slots=True)
class Observed:
    """One call and its parameters: the JSON body, or what the path, the query and the headers of S3 say."""

    call: Call
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Observer(CallRecorder):
    """A recorder that also keeps parameters, for `observing`."""

    def __init__(self, app: WsgiApp, calls: list[Call], seen: list[Observed]) -> None:
        super().__init__(app, calls)
        self._calls_so_far = calls
        self._seen = seen

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request and keep it."""
        body = _body(environ)

        def respond(status: str, *arguments: Any) -> Any:
            self._seen.append(_observed(self._calls_so_far[-1], environ, body))
            return start_response(status, *arguments)

        return super().__call__(environ, respond)


@contextmanager
def observing() -> Iterator[list[Observed]]:
    """Keep every call of each LocalAws that is started meanwhile."""
    seen: list[Observed] = []
    edge: Any = import_module("local.aws")
    original = edge.CallRecorder
    edge.CallRecorder = lambda app, calls: Observer(app, calls, seen)
    try:
        yield seen
    finally:
        edge.CallRecorder = original


def _observed(call: Call, environ: Mapping[str, Any], body: Mapping[str, Any]) -> Observed:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return Observed(
        call,
        unquote(environ.get("PATH_INFO", "/")),
        {name: values[0] for name, values in query.items()},
        {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")},
        body,
    )


def _body(environ: dict[str, Any]) -> Mapping[str, Any]:
    """Return a JSON body, without taking it away from whoever answers; {} for anything else."""
    if "json" not in environ.get("CONTENT_TYPE", ""):
        return {}
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    document = json.loads(content or b"{}")
    return document if isinstance(document, dict) else {}
