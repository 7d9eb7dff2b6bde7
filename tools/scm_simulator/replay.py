"""A recording of SCM's answers, replayed: each request gets the answer that SCM gave to it.

A recording is a JSON file of `certmandate check --record`. The answers to equal requests come in their order, and the
last one is repeated. The login is not checked.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from scm_simulator.http.login import TOKEN_PATH
from scm_simulator.http.messages import Request, Response, json_response
from scm_simulator.world.dials import Dials

API = "/api"
_TOKEN = "token"  # noqa: S105  # no token
_Key = tuple[str, str, frozenset[tuple[str, str]]]


class RecordingError(ValueError):
    """A file that is no recording."""


class Replay:
    """A thread-safe WSGI application that answers from a recording."""

    root_pem = ""
    """No certificate is issued."""

    def __init__(self, recording: Mapping[str, Any]) -> None:
        """Take the JSON object of a recording. Raises RecordingError."""
        self.dials = Dials()
        self._lock = Lock()
        self._answers: dict[_Key, deque[Response]] = {}
        try:
            for answer in recording["answers"]:
                self._answers.setdefault(_key(answer), deque()).append(_response(answer))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            msg = f"not a recording of `certmandate check --record`: {type(error).__name__}: {error}"
            raise RecordingError(msg) from error

    @classmethod
    def read(cls, file: Path) -> Replay:
        """Read a recording. Raises RecordingError."""
        try:
            return cls(json.loads(file.read_bytes()))
        except (OSError, ValueError) as error:
            msg = f"{file}: {error}"
            raise RecordingError(msg) from error

    @property
    def requests(self) -> list[str]:
        """Every request that has an answer, as `GET /ssl/v1?size=200`."""
        return [_written(key) for key in self._answers]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: 501 when the recording has no answer."""
        response = self._answer(Request.of(environ))
        start_response(response.wsgi_status, response.wsgi_headers)
        return [response.body]

    def _answer(self, request: Request) -> Response:
        path = _TOKEN if request.path == TOKEN_PATH else request.path.removeprefix(API)
        key = request.method, path, frozenset(request.query.items())
        with self._lock:
            answers = self._answers.get(key)
            if answers:
                return answers.popleft() if len(answers) > 1 else answers[0]
        return json_response({"description": f"the recording has no answer to {_written(key)}"}, status=501)


def _key(answer: Mapping[str, Any]) -> _Key:
    query = {str(name): str(value) for name, value in answer["query"].items()}
    return str(answer["method"]), str(answer["path"]), frozenset(query.items())


def _response(answer: Mapping[str, Any]) -> Response:
    text = json.dumps(answer["body"]) if "body" in answer else str(answer["text"])
    headers = tuple((str(name), str(value)) for name, value in answer["headers"].items())
    return Response(HTTPStatus(answer["status"]), text.encode(), headers)


def _written(key: _Key) -> str:
    method, path, query = key
    text = "&".join(f"{name}={value}" for name, value in sorted(query))
    return f"{method} {path}" + (f"?{text}" if text else "")
