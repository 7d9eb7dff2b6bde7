"""The functions' calls to SCM, between httpx and the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import httpx

from campaign.interception.calls import Answers, Interception, Invocation
from scm_simulator import ConnectionLost, Dials, Fault

REFUSED = 401
_NUMBER = re.compile(r"/\d+")


@dataclass(frozen=True, slots=True)
class RefusedLogin:
    """A login that SCM refused, and whose refusal a function read."""

    run_id: str
    credential: tuple[str, str]
    """Login, and password or token."""


class ScmTransport(httpx.BaseTransport):
    """A transport that intercepts every request to the simulator."""

    def __init__(
        self,
        interception: Interception,
        dials: Dials,
        network: httpx.BaseTransport,
        refusals: list[tuple[RefusedLogin, Invocation]],
        seconds: Callable[[str], float],
    ) -> None:
        self._interception = interception
        self._dials = dials
        self._network = network
        self._refusals = refusals
        self._seconds = seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, or inject a fault."""
        operation = f"{request.method} {_NUMBER.sub('/<id>', request.url.path)}"

        def effect() -> httpx.Response:
            return self._sent(request, self._seconds(operation))

        def faulty(fault: Fault | None) -> httpx.Response:
            if fault is None:
                return httpx.Response(REFUSED, json={"code": -16, "description": "Unknown user"})
            faults = self._dials.faults
            faults.append(fault)
            try:
                return effect()
            finally:
                faults.remove(fault)

        def lost() -> NoReturn:
            self._interception.time.pass_seconds(request.extensions["timeout"]["read"])
            message = "injected"
            raise httpx.ReadTimeout(message, request=request)

        def denial() -> httpx.Response:
            return httpx.Response(400, json={"code": -3, "description": "You are not authorized."})

        invocation = self._interception.invocation
        answers = Answers(
            effect=effect,
            lost=lost,
            error=lambda: httpx.Response(503, text="upstream connect error or disconnect/reset before headers"),
            denial=denial,
            faulty=faulty,
            account=request.headers.get("login", ""),
        )
        answer: httpx.Response = self._interception.intercept("scm", operation, answers)
        if answer.status_code == REFUSED:
            headers = request.headers
            secret = headers.get("password") or headers.get("authorization", "")
            self._refusals.append((RefusedLogin(invocation.run_id, (headers.get("login", ""), secret)), invocation))
        return answer

    def _sent(self, request: httpx.Request, seconds: float) -> httpx.Response:
        """Send the request, which SCM answers after *seconds*; the caller does not wait longer than its time limit."""
        patience: float = request.extensions["timeout"]["read"]
        self._interception.time.pass_seconds(min(seconds, patience))
        try:
            answer = self._network.handle_request(request)
            answer.read()
        except ConnectionLost as lost:
            message = f"connection reset ({lost})"
            raise httpx.ReadError(message, request=request) from lost
        if seconds >= patience:
            message = "SCM took too long"
            raise httpx.ReadTimeout(message, request=request)
        return answer
