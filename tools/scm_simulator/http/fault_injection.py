"""Injected faults: the fault that applies to a call, and its effect on the answer."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from scm_simulator.backend.state import State
from scm_simulator.ca.csr import read_csr
from scm_simulator.http.messages import EMPTY_OK, ConnectionLost, Request, Response, error_response
from scm_simulator.refusals import Refusal, refuse
from scm_simulator.world.fault import Fault

Answer = Callable[[], Response]
_REPLACEMENTS = {
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
    """Counts the calls that match each fault, and returns the fault that is due."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._matches: Counter[int] = Counter()

    def due(self, operation: str, request: Request, params: Mapping[str, str], login: str) -> Fault | None:
        """Return the first fault to inject into this call."""
        candidates = list(self._state.faults_for(operation))
        names = request_names(self._state, request, params) if candidates else ()
        for fault in candidates:
            if _applies(fault, names, login) and self._is_due(fault):
                return fault
        return None

    def _is_due(self, fault: Fault) -> bool:
        self._matches[id(fault)] += 1
        number = self._matches[id(fault)]
        return number > fault.skip and (not fault.times or number <= fault.skip + fault.times)


def _applies(fault: Fault, names: Collection[str], login: str) -> bool:
    return (not fault.name or fault.name.lower() in names) and fault.login in ("", login)


def request_names(state: State, request: Request, params: Mapping[str, str]) -> frozenset[str]:
    """Return, in lower case, the certificate names in CSR, body and query, and those of the order in the path."""
    names = {request.query.get("commonName", "")}
    order = state.orders.get(int(params["sslId"])) if params.get("sslId", "").isdigit() else None
    if order is not None:
        names.update(order.names)
    names.update(_names_in_body(request))
    return frozenset(name.strip().lower() for name in names if name.strip())


def _names_in_body(request: Request) -> set[str]:
    if b'"csr"' not in request.body:
        return set()
    try:
        body = request.object()
        names = {read_csr(body.get("csr")).common_name}
    except Refusal:
        return set()
    others = body.get("subjAltNames")
    return names | set(others.split(",") if isinstance(others, str) else [])


def inject(fault: Fault, answer: Answer) -> Response:
    """Return *answer* with the effect of *fault*; raise ConnectionLost for a broken connection."""
    if fault.kind == "slow":
        return _delayed(fault, answer)
    if fault.kind in _REPLACEMENTS:
        return _replaced(fault, answer)
    if fault.kind == "refused":
        return error_response(refuse(fault.code, "this"))
    if fault.kind == "reset_before":
        raise ConnectionLost(fault.kind)
    response = answer()
    if fault.kind == "reset_after":
        raise ConnectionLost(fault.kind)
    return _corrupted(fault, response)


def _delayed(fault: Fault, answer: Answer) -> Response:
    if fault.processed:
        response = answer()
        time.sleep(fault.seconds)
        return response
    time.sleep(fault.seconds)
    return answer()


def _replaced(fault: Fault, answer: Answer) -> Response:
    if fault.processed:
        answer()
    status, media, body = _REPLACEMENTS[fault.kind]
    wait = [] if fault.retry_after is None else [("Retry-After", str(fault.retry_after))]
    return Response(status, body, (("Content-Type", media), *wait))


def _corrupted(fault: Fault, response: Response) -> Response:
    if fault.kind == "empty":
        return EMPTY_OK
    if fault.kind == "truncated":
        return Response(response.status, response.body[: len(response.body) // 2], response.headers)
    if fault.kind == "wrong_content_type":
        others = [header for header in response.headers if header[0] != "Content-Type"]
        return Response(response.status, response.body, (("Content-Type", "text/html"), *others))
    return response


def with_extra_members(response: Response) -> Response:
    """Return a JSON answer with an unknown member in every object."""
    if not any(name == "Content-Type" and "json" in value for name, value in response.headers) or not response.body:
        return response
    body = json.dumps(_extended(json.loads(response.body))).encode()
    return Response(response.status, body, response.headers)


def _extended(value: object) -> object:
    if isinstance(value, list):
        return [_extended(item) for item in value]
    if isinstance(value, dict):
        return {"newInThisRelease": {"level": 1}, **{name: _extended(item) for name, item in value.items()}}
    return value
