"""The simulator: a WSGI application that answers as SCM does, and the controls that tests turn."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from random import Random
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from . import issuance, login, passwords, past, routes, routing
from .concerned import names_concerned
from .dates import utcnow
from .dials import Dials
from .fault import Fault
from .faults import Faults, struck, with_extra_members
from .order import Order
from .refusals import Refusal, refuse
from .routing import Call, Route
from .state import State
from .wire import ConnectionLost, Request, Response, refusal_answer
from .world import World
from .wsgi import CONNECTION, headers_of, request_of

_COOKIE = ("Set-Cookie", "CCMBSESSIONID=simulator; Path=/; Secure; HttpOnly")
_UNKNOWN = "unknown operation"
_TOKEN_OPERATION = f"POST {login.TOKEN_PATH}"
assert routes.__all__  # noqa: S101  # importing the package registers the operations


@dataclass(frozen=True)
class RecordedCall:
    """One call as the simulator saw it; status 0: the connection was broken instead of an answer."""

    time: datetime
    method: str
    path: str
    login: str
    status: int
    operation: str


class Simulator:
    """SCM, played: a thread-safe WSGI application with its state in memory and a CA of its own.

    The methods are controls for tests and tools; none of them can be reached through the API.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        dials: Dials | None = None,
        clock: Callable[[], datetime] = utcnow,
        seed: int | None = None,
    ) -> None:
        """Start with *world* (None: the example), *dials* (None: the world's), a *clock*, a random *seed*."""
        self.world = world or World.example()
        random = Random(seed)  # noqa: S311  # for serial numbers that mean nothing
        self._state = State(self.world, dials or copy.deepcopy(self.world.dials), clock, random)
        self._faults = Faults(self._state)
        self._calls: list[RecordedCall] = []
        self._stale = False
        for certificate in self.world.certificates:
            past.add(self._state, certificate)

    # What can be seen

    @property
    def dials(self) -> Dials:
        """The dials; changes act at once."""
        return self._state.dials

    @property
    def root_pem(self) -> str:
        """The CA's roots, RSA and EC, as PEM."""
        with self._state.lock:
            return self._state.authority.root_pem

    @property
    def orders(self) -> tuple[Order, ...]:
        """Every order as it stands now, by ssl_id; copies."""
        with self._state.lock:
            for order in self._state.orders.values():
                issuance.advance(self._state, order)
            return tuple(replace(order) for order in self._state.orders.values())

    @property
    def calls(self) -> tuple[RecordedCall, ...]:
        """Every call so far, oldest first."""
        with self._state.lock:
            return tuple(self._calls)

    def order(self, ssl_id: int) -> Order:
        """Return one order as it stands now; raise KeyError when there is none."""
        with self._state.lock:
            order = self._state.orders[ssl_id]
            issuance.advance(self._state, order)
            return replace(order)

    # Controls

    def issue(self, ssl_id: int) -> None:
        """Issue an open order now, whatever it waits for."""
        with self._state.lock:
            order = self._state.orders[ssl_id]
            issuance.approve(self._state, order, order.approved_by)
            issuance.issue(self._state, order)

    def approve(self, ssl_id: int) -> None:
        """Approve an order that waits for it; from now on it waits for the CA."""
        with self._state.lock:
            issuance.approve(self._state, self._state.orders[ssl_id], "")

    def reject(self, ssl_id: int) -> None:
        """Let the CA refuse an open order."""
        with self._state.lock:
            self._state.orders[ssl_id].status = "Rejected"

    def decline(self, ssl_id: int) -> None:
        """Let an administrator decline an open order."""
        with self._state.lock:
            issuance.decline(self._state, self._state.orders[ssl_id])

    def revoke(self, ssl_id: int, reason: str = "", *, reason_code: int = 4) -> None:
        """Revoke an issued certificate; raise Refusal when it is not issued."""
        with self._state.lock:
            order = self._state.orders[ssl_id]
            issuance.advance(self._state, order)
            issuance.revoke(self._state, order, reason_code=reason_code, reason=reason)

    def issue_past(
        self,
        department_id: int,
        csr_pem: str,
        names: Sequence[str],
        profile_id: int,
        term_days: int,
        issued_at: datetime,
    ) -> int:
        """Add a certificate issued at *issued_at* for this CSR, unchecked; return its ssl_id."""
        with self._state.lock:
            return past.add_issued(self._state, department_id, csr_pem, names, profile_id, term_days, issued_at)

    def lock(self, login: str) -> None:
        """Lock an account."""
        with self._state.lock:
            self._state.admins[login].locked = True

    def unlock(self, login: str) -> None:
        """Unlock an account, its failed attempts forgotten."""
        with self._state.lock:
            admin = self._state.admins[login]
            admin.locked, admin.failed_attempts = False, 0

    def set_password(self, login: str, password: str, *, temporary: bool = False) -> None:
        """Change a password as the user interface does: no policy, and a temporary one is no longer so."""
        with self._state.lock:
            passwords.change(self._state, self._state.admins[login], password, temporary=temporary)

    def behave(self, name: str, **changes: Any) -> None:
        """Let dials hold for one name: `behave("slow.example.org", issuance_polls=3)`."""
        with self._state.lock:
            self._state.behave(name, changes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; raise ConnectionLost when the connection is to be broken."""
        request = request_of(environ)
        connection = environ.get(CONNECTION)
        if connection is None and self._stale:
            self._stale = False
            msg = "stale"
            raise ConnectionLost(msg)
        response = self._answer(request, connection)
        status = f"{response.status} {HTTPStatus(response.status).phrase}"
        start_response(status, headers_of(response))
        return [] if request.method == "HEAD" else [response.body]

    def _answer(self, request: Request, connection: dict[str, bool] | None) -> Response:
        found, params = routing.find(request)
        operation = _operation(request, found)
        who = login.login_of(self._state, request)
        fault = self._fault(request, operation, params, who)
        started, status = self._state.now(), 0
        try:
            process = partial(self._process, request, found, params)
            response = process() if fault is None else struck(fault, process)
            status = response.status
        finally:
            call = RecordedCall(started, request.method, request.path, who, status, operation)
            with self._state.lock:
                self._calls.append(call)
        if fault is not None and fault.kind == "stale":
            self._close(connection)
        return response

    def _fault(self, request: Request, operation: str, params: Mapping[str, str], who: str) -> Fault | None:
        with self._state.lock:
            if not self.dials.faults:
                return None
            return self._faults.due(operation, names_concerned(self._state, request, params), who)

    def _close(self, connection: dict[str, bool] | None) -> None:
        if connection is None:
            self._stale = True
        else:
            connection["close"] = True

    def _process(self, request: Request, found: Route | None, params: Mapping[str, str]) -> Response:
        with self._state.lock:
            if request.path == login.TOKEN_PATH and request.method == "POST":
                return login.issue_token(self._state, request)
            try:
                response = self._routed(request, found, params)
            except Refusal as refusal:
                response = refusal_answer(refusal).with_headers(*login.challenge(request, refusal))
            if self.dials.extra_members:
                response = with_extra_members(response)
            return response.with_headers(_COOKIE)

    def _routed(self, request: Request, found: Route | None, params: Mapping[str, str]) -> Response:
        """Answer through the route; the login comes before path, format and id (SCM reference §2.4)."""
        admin = login.authenticate(self._state, request)
        if found is None:
            raise refuse(-1601, "path", status=404)
        return found.handler(Call(self._state, request, admin, params))


def _operation(request: Request, found: Route | None) -> str:
    if found is not None:
        return found.operation
    return _TOKEN_OPERATION if request.path == login.TOKEN_PATH else f"{request.method} {_UNKNOWN}"
