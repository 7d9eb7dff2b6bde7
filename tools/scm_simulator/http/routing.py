"""Routing: the function that answers each operation, and what it is called with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scm_simulator.backend.order import Order
from scm_simulator.backend.state import Admin, State
from scm_simulator.http.messages import Header, Request, Response
from scm_simulator.http.request_body import Body
from scm_simulator.refusals import Refusal, not_found, refuse

Handler = Callable[["Call"], Response]
Item = TypeVar("Item")
_UNKNOWN_ID = {"domainId": -727, "orgId": -1023, "adminId": -5101}


@dataclass(frozen=True)
class Call:
    """An authenticated request to an operation."""

    state: State
    request: Request
    admin: Admin
    params: Mapping[str, str]

    def body(self, *, optional: bool = False) -> Body:
        """Return the body; if *optional*, an empty one when the request has none."""
        return Body({} if optional and not self.request.body.strip() else self.request.object())

    def require(self, privilege: str, action: str) -> None:
        """Refuse -3 an account without *privilege*."""
        if not self.admin.spec.mrao and privilege not in self.admin.spec.privileges:
            raise refuse(-3, action)

    def number(self, name: str) -> int:
        """Return a path parameter as a number; refuse 404 when it is not, with the area's code for an unknown id."""
        try:
            return int(self.params[name])
        except ValueError:
            raise not_found(_UNKNOWN_ID.get(name, -124), self.params[name]) from None

    def manages(self, place_id: int) -> bool:
        """Return whether the account manages this organisation or department."""
        return place_id in self.state.managed_ids(self.admin)

    def foreign(self, unknown: Refusal) -> Refusal:
        """Return the refusal of an object of another department: *unknown*, or -37, by the dial foreign_id."""
        return unknown if self.state.dials.foreign_id == "not-found" else refuse(-37)

    def certificate(self) -> Order:
        """Return the order that the path names; refuse 404 when there is none."""
        return self.order(self.number("sslId"), unknown=-5101, status=404)

    def order(self, ssl_id: int | None = None, *, unknown: int = -124, status: int = 400) -> Order:
        """Return the order *ssl_id* (None: of the path), if the account manages its department."""
        ssl_id = self.number("sslId") if ssl_id is None else ssl_id
        order, refusal = self.state.orders.get(ssl_id), refuse(unknown, ssl_id, status=status)
        if order is None:
            raise refusal
        if not self.manages(order.department_id):
            raise self.foreign(refusal)
        return order

    def page(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the part of *items* (ordered by id) that `size` and `position` select (SCM reference §3.3)."""
        dials = self.state.dials
        size, position = self.request.number("size"), self.request.number("position") or 0
        if size is None:
            size = dials.default_size
        ordered = items if dials.list_order == "ascending" else list(reversed(items))
        return ordered[position : position + min(size, dials.page_limit)]


def total(items: Sequence[object]) -> Header:
    """Return the header with the number of all items of a list."""
    return ("X-Total-Count", str(len(items)))


@dataclass(frozen=True)
class Route:
    """An operation; its name is method and path pattern."""

    method: str
    pattern: str
    handler: Handler
    expression: re.Pattern[str]

    @property
    def operation(self) -> str:
        """The stable name of the operation."""
        return f"{self.method} {self.pattern}"


_ROUTES: list[Route] = []


def route(method: str, *patterns: str) -> Callable[[Handler], Handler]:
    """Register the decorated function for a method and path patterns (`/api/ssl/v1/{sslId}`)."""

    def register(handler: Handler) -> Handler:
        for pattern in patterns:
            text = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
            _ROUTES.append(Route(method, pattern, handler, re.compile(f"{text}/?")))
        _ROUTES.sort(key=lambda route: route.pattern.count("{"))
        return handler

    return register


def routes() -> tuple[Route, ...]:
    """Return every route; those with fewer parameters first."""
    return tuple(_ROUTES)


def match(request: Request) -> tuple[Route | None, Mapping[str, str]]:
    """Return the route of *request* and its path parameters."""
    for candidate in _ROUTES:
        matched = candidate.expression.fullmatch(request.path) if candidate.method == request.method else None
        if matched:
            return candidate, matched.groupdict()
    return None, {}
