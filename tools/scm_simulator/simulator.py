"""The simulator: a WSGI application that answers like SCM, and its controls for tests."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from scm_simulator import routes
from scm_simulator.backend import history, issuance
from scm_simulator.backend.order import REJECTED, Order
from scm_simulator.backend.state import State
from scm_simulator.dates import utcnow
from scm_simulator.http import login, routing
from scm_simulator.http.fault_injection import Faults, inject, with_extra_members
from scm_simulator.http.messages import CONNECTION, ConnectionLost, Request, Response, error_response
from scm_simulator.http.routing import Call, Route
from scm_simulator.refusals import Refusal, refuse
from scm_simulator.world.dials import Dials
from scm_simulator.world.example import example_world
from scm_simulator.world.fault import Fault
from scm_simulator.world.validation import validate
from scm_simulator.world.world import PastCertificate, World

_COOKIE = ("Set-Cookie", "CCMBSESSIONID=simulator; Path=/; Secure; HttpOnly")
_UNKNOWN = "unknown operation"
_TOKEN_OPERATION = f"POST {login.TOKEN_PATH}"
assert routes.__all__  # noqa: S101  # importing the package registers the operations


@dataclass(frozen=True)
class RecordedCall:
    """A call to the simulator; status 0: the connection was broken instead of an answer."""

    time: datetime
    method: str
    path: str
    login: str
    status: int
    operation: str


class Simulator:
    """A simulated SCM: a thread-safe WSGI application with its state in memory and a CA of its own.

    The methods are controls for tests and tools; the API does not reach them.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        dials: Dials | None = None,
        clock: Callable[[], datetime] = utcnow,
        seed: int | None = None,
    ) -> None:
        """Start with *world* (None: the example), *dials* (None: the world's), a *clock*, a random *seed*.

        Raises WorldError when *world* is not valid.
        """
        self.world = world or example_world()
        validate(self.world)
        random = Random(seed)  # noqa: S311  # for serial numbers without meaning
        self._state = State(self.world, dials or copy.deepcopy(self.world.dials), clock, random)
        self._faults = Faults(self._state)
        self._calls: list[RecordedCall] = []
        self._stale = False
        for certificate in self.world.certificates:
            history.add(self._state, certificate)

    # State

    @property
    def dials(self) -> Dials:
        """The dials; changes have immediate effect."""
        return self._state.dials

    @property
    def root_pem(self) -> str:
        """The CA's roots, RSA, EC and legacy, as PEM."""
        with self._state.lock:
            return self._state.authority.root_pem

    @property
    def orders(self) -> tuple[Order, ...]:
        """Copies of all orders in their current state, by ssl_id."""
        with self._state.lock:
            orders = issuance.advanced_orders(self._state, list(self._state.orders.values()))
            return tuple(replace(order) for order in orders)

    @property
    def calls(self) -> tuple[RecordedCall, ...]:
        """Every call so far, oldest first."""
        with self._state.lock:
            return tuple(self._calls)

    def order(self, ssl_id: int) -> Order:
        """Return a copy of an order in its current state; raise KeyError when there is none."""
        with self._current(ssl_id) as order:
            return replace(order)

    # Controls

    def issue(self, ssl_id: int) -> None:
        """Issue an open order now, whatever it waits for."""
        with self._state.lock:
            order = self._state.orders[ssl_id]
            issuance.approve(self._state, order, order.approved_by)
            issuance.issue(self._state, order)

    def approve(self, ssl_id: int) -> None:
        """Approve an order that waits for approval; it then waits for the CA."""
        with self._state.lock:
            issuance.approve(self._state, self._state.orders[ssl_id], "")

    def reject(self, ssl_id: int) -> None:
        """Reject an open order as the CA."""
        with self._state.lock:
            self._state.orders[ssl_id].status = REJECTED

    def decline(self, ssl_id: int) -> None:
        """Decline an open order as an administrator; raise Refusal when it is issued, or has ended."""
        with self._current(ssl_id) as order:
            issuance.decline(self._state, order)

    def revoke(self, ssl_id: int, reason: str = "", *, reason_code: int = 4) -> None:
        """Revoke an issued certificate; raise Refusal when it is not issued."""
        with self._current(ssl_id) as order:
            issuance.revoke(self._state, order, reason_code=reason_code, reason=reason)

    def replace_in_portal(self, ssl_id: int) -> None:
        """Replace an issued certificate for the same request, as in the portal: same ssl_id, new serial."""
        with self._current(ssl_id) as order:
            order.replacing = True
            issuance.issue(self._state, order)

    def delete(self, ssl_id: int) -> None:
        """Delete an order, as in the portal: no list and no report has it any more."""
        with self._state.lock:
            del self._state.orders[ssl_id]

    def issue_past(self, past: PastCertificate, csr_pem: str = "") -> int:
        """Add a certificate from before the start, for *csr_pem* if given, without checks; return its ssl_id."""
        with self._state.lock:
            return history.add(self._state, past, csr_pem)

    def change_issuers(self) -> None:
        """Let new intermediates, with other keys, issue from now on."""
        with self._state.lock:
            self._state.authority.change_intermediates()

    def validate_domains(self, department: int, days: int, method: str | None = None) -> None:
        """Validate every domain of a department again, for *days* from now; *method*: None = as before."""
        with self._state.lock:
            now = self._state.now()
            for domain in self._state.domains.values():
                if department in domain.delegations:
                    domain.dcv, domain.validated_at, domain.expires_at = "VALIDATED", now, now + timedelta(days=days)
                    if method is not None:
                        domain.spec = replace(domain.spec, dcv_method=method)

    def lock(self, login: str) -> None:
        """Lock an account."""
        with self._state.lock:
            self._state.admins[login].locked = True

    def unlock(self, login: str) -> None:
        """Unlock an account and reset its failed attempts."""
        with self._state.lock:
            self._state.admins[login].unlock()

    def set_password(self, login: str, password: str, *, temporary: bool = False) -> None:
        """Change a password as the user interface does, without the policy; it is not temporary unless *temporary*."""
        with self._state.lock:
            self._state.admins[login].set_password(password, self._state.now(), temporary=temporary)

    def end_password(self, login: str, left: timedelta) -> None:
        """Let the password of an account expire after *left*, as a stricter policy does."""
        with self._state.lock:
            self._state.admins[login].password_expires_at = self._state.now() + left

    def behave(self, name: str, **changes: Any) -> None:
        """Set dials for orders of a name: `behave("slow.example.org", issuance_polls=3)`."""
        with self._state.lock:
            self._state.behave(name, changes)

    @contextmanager
    def _current(self, ssl_id: int) -> Iterator[Order]:
        with self._state.lock:
            order = self._state.orders[ssl_id]
            issuance.advance(self._state, order)
            yield order

    # Requests

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; raise ConnectionLost to break the connection."""
        request, connection = Request.of(environ), environ.get(CONNECTION)
        if connection is None and self._stale:
            self._stale = False
            msg = "stale"
            raise ConnectionLost(msg)
        response = self._answer(request, connection)
        start_response(response.wsgi_status, response.wsgi_headers)
        return [] if request.method == "HEAD" else [response.body]

    def _answer(self, request: Request, connection: dict[str, bool] | None) -> Response:
        route, params = routing.match(request)
        operation = _operation(request, route)
        account = login.login_of(self._state, request)
        with self._state.lock:
            fault = self._faults.due(operation, request, params, account)
        started, status = self._state.now(), 0
        try:
            process = partial(self._process, request, route, params)
            response = process() if fault is None else inject(fault, process)
            status = response.status
        finally:
            call = RecordedCall(started, request.method, request.path, account, status, operation)
            with self._state.lock:
                self._calls.append(call)
        self._close_if_stale(fault, connection)
        return response

    def _close_if_stale(self, fault: Fault | None, connection: dict[str, bool] | None) -> None:
        if fault is None or fault.kind != "stale":
            return
        if connection is None:
            self._stale = True
        else:
            connection["close"] = True

    def _process(self, request: Request, route: Route | None, params: Mapping[str, str]) -> Response:
        with self._state.lock:
            if request.path == login.TOKEN_PATH and request.method == "POST":
                return login.issue_token(self._state, request)
            try:
                response = self._call(request, route, params)
            except Refusal as refusal:
                response = error_response(refusal).with_headers(*login.challenge(request, refusal))
            if self.dials.extra_members:
                response = with_extra_members(response)
            return response.with_headers(_COOKIE)

    def _call(self, request: Request, route: Route | None, params: Mapping[str, str]) -> Response:
        """Call the route's handler; the login is checked before path, format and id (SCM reference §2.4)."""
        admin = login.authenticate(self._state, request)
        if route is None:
            raise refuse(-1601, "path", status=404)
        return route.handler(Call(self._state, request, admin, params))


def _operation(request: Request, route: Route | None) -> str:
    if route is not None:
        return route.operation
    return _TOKEN_OPERATION if request.path == login.TOKEN_PATH else f"{request.method} {_UNKNOWN}"
