"""A recording of SCM's answers: redacted here, before it is written anywhere.

    {"answers": [{"method", "path", "query": {…}, "status", "headers": {…}, "body": JSON value, or "text"}],
     "kept": [names of members of which a value is SCM's own], "replaced": {kind: how many}}

`path` is relative to SCM's base URL, or `token` for the endpoint of access tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from renewal.adapters.scm.redacted_answers import TEXT, AnswerRedaction
from renewal.domain.errors import RenewalError

Document = Mapping[str, Any]

TOKEN = "token"  # noqa: S105  # no token
_HEADERS = {"content-type": "format", "retry-after": "size", "x-total-count": "size"}
"""The headers that are recorded, each with a member of which the values have the same form."""


class ScmRecorder:
    """Records what *http* receives from SCM, which is below *base_urls* and at *token_url*."""

    def __init__(self, http: httpx.Client, *, base_urls: Iterable[str], token_url: str) -> None:
        self._http = http
        self._base_urls = [url.rstrip("/") for url in base_urls]
        self._token_url = token_url

    @contextmanager
    def recording(self, write: Callable[[Document], object]) -> Iterator[None]:
        """Record every answer within the context, and *write* the recording when the context ends, also by an error.

        An error of *write* is raised, unless the context ended by an error of its own.
        """
        redaction, answers = AnswerRedaction(), list[Document]()

        def add(response: httpx.Response) -> None:
            path = self._path(response.request.url)
            if path is not None:
                response.read()
                answers.append(_answer(redaction, path, response))

        hooks = self._http.event_hooks["response"]
        hooks.append(add)
        try:
            yield
        except RenewalError:
            with suppress(RenewalError):
                write(_document(redaction, answers))
            raise
        finally:
            hooks.remove(add)
        write(_document(redaction, answers))

    def _path(self, url: httpx.URL) -> str | None:
        """Return the path below a base URL; None outside of SCM."""
        if str(url) == self._token_url:
            return TOKEN
        base = next((base for base in self._base_urls if str(url).startswith(f"{base}/")), None)
        return url.path.removeprefix(httpx.URL(base).path) if base else None


def _answer(redaction: AnswerRedaction, path: str, response: httpx.Response) -> Document:
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return {
        "method": response.request.method,
        "path": redaction.path(path),
        "query": redaction.value(dict(response.request.url.params)),
        "status": response.status_code,
        "headers": {name: redaction.value(value, _HEADERS[name]) for name, value in headers.items()},
        **_body(redaction, response.content),
    }


def _body(redaction: AnswerRedaction, content: bytes) -> Document:
    try:
        return {"body": redaction.value(json.loads(content))}
    except (ValueError, RecursionError):
        blocks = content.count(b"-----BEGIN")
        return {"text": f"[{blocks} blocks of PEM]" if blocks else TEXT if content.strip() else ""}


def _document(redaction: AnswerRedaction, answers: list[Document]) -> Document:
    return {"answers": answers, "kept": sorted(redaction.kept), "replaced": redaction.replaced}
