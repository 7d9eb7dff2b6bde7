"""Faults on the way between client and SCM: which one is due, and what it does to an answer."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection

from .fault import Fault
from .state import State
from .wire import ConnectionLost, Response

Answer = Callable[[], Response]
_INSTEAD = {
    "too_many_requests": (429, "text/plain", b"too many requests"),
    "unavailable": (
        503,
        "text/plain",
        b"upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    ),
    "bad_gateway": (
        502,
        "text/html",
        b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
    ),
}


class Faults:
    """Counts how often each fault had its chance, and picks the one that is due."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._chances: Counter[int] = Counter()

    def due(self, operation: str, names: Collection[str], login: str) -> Fault | None:
        """Return the first fault that is to strike this call."""
        for fault in self._state.faults_for(operation):
            if _concerns(fault, names, login) and self._has_come(fault):
                return fault
        return None

    def _has_come(self, fault: Fault) -> bool:
        self._chances[id(fault)] += 1
        chance = self._chances[id(fault)]
        return chance > fault.skip and (not fault.times or chance <= fault.skip + fault.times)


def _concerns(fault: Fault, names: Collection[str], login: str) -> bool:
    return (not fault.name or fault.name.lower() in names) and fault.login in ("", login)


def struck(fault: Fault, answer: Answer) -> Response:
    """Return *answer* spoilt by *fault*; raise ConnectionLost where there is to be none."""
    if fault.kind == "slow":
        return _late(fault, answer)
    if fault.kind in _INSTEAD:
        return _instead(fault, answer)
    if fault.kind == "reset_before":
        raise ConnectionLost(fault.kind)
    response = answer()
    if fault.kind == "reset_after":
        raise ConnectionLost(fault.kind)
    return _spoilt(fault, response)


def _late(fault: Fault, answer: Answer) -> Response:
    if fault.processed:
        response = answer()
        time.sleep(fault.seconds)
        return response
    time.sleep(fault.seconds)
    return answer()


def _instead(fault: Fault, answer: Answer) -> Response:
    if fault.processed:
        answer()
    status, media, body = _INSTEAD[fault.kind]
    wait = [] if fault.retry_after is None else [("Retry-After", str(fault.retry_after))]
    return Response(status, body, (("Content-Type", media), *wait))


def _spoilt(fault: Fault, response: Response) -> Response:
    if fault.kind == "empty":
        return Response(200)
    if fault.kind == "truncated":
        return Response(response.status, response.body[: len(response.body) // 2], response.headers)
    if fault.kind == "wrong_content_type":
        others = [header for header in response.headers if header[0] != "Content-Type"]
        return Response(response.status, response.body, (("Content-Type", "text/html"), *others))
    return response


def with_extra_members(response: Response) -> Response:
    """Return a JSON answer with a member that no client knows in every object."""
    if not any(name == "Content-Type" and "json" in value for name, value in response.headers) or not response.body:
        return response
    body = json.dumps(_extended(json.loads(response.body))).encode()
    return Response(response.status, body, response.headers)


def _extended(value: object) -> object:
    if isinstance(value, list):
        return [_extended(one) for one in value]
    if isinstance(value, dict):
        return {"newInThisRelease": {"level": 1}, **{name: _extended(one) for name, one in value.items()}}
    return value
