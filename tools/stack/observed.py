"""The calls that the local AWS receives, with their parameters: `local.calls` records names only."""

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
    """A call and its parameters: the JSON body, or the path, query and headers for S3."""

    call: Call
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class _ParameterRecorder(CallRecorder):
    """A recorder that also keeps parameters, for `observing`."""

    def __init__(self, app: WsgiApp, calls: list[Call], observed: list[Observed]) -> None:
        super().__init__(app, calls)
        self._calls_so_far = calls
        self._observed = observed

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request and record it."""
        body = _body(environ)

        def respond(status: str, *arguments: Any) -> Any:
            self._observed.append(_observed(self._calls_so_far[-1], environ, body))
            return start_response(status, *arguments)

        return super().__call__(environ, respond)


@contextmanager
def observing() -> Iterator[list[Observed]]:
    """Record every call of each LocalAws that is started in this context."""
    observed: list[Observed] = []
    edge: Any = import_module("local.aws")
    original = edge.CallRecorder
    edge.CallRecorder = lambda app, calls: _ParameterRecorder(app, calls, observed)
    try:
        yield observed
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
    """Return a JSON body and leave it readable for the application; {} for anything else."""
    if "json" not in environ.get("CONTENT_TYPE", ""):
        return {}
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    document = json.loads(content or b"{}")
    return document if isinstance(document, dict) else {}
