"""Routing: which function answers which operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .order import Order
from .refusals import Refusal, not_found, refuse
from .state import Admin, State
from .wire import Request, Response

Handler = Callable[["Call"], Response]
_UNKNOWN_ID = {"domainId": -727, "orgId": -1023, "adminId": -5101, "validationId": -5101}


@dataclass(frozen=True)
class Call:
    """An authenticated request to one operation."""

    state: State
    request: Request
    admin: Admin
    params: Mapping[str, str] = field(default_factory=dict)

    def require(self, privilege: str, deed: str) -> None:
        """Refuse -3 an account without *privilege*."""
        if not self.admin.spec.mrao and privilege not in self.admin.spec.privileges:
            raise refuse(-3, deed)

    def number(self, name: str) -> int:
        """Return a path parameter as a number; refuse what is none as its area refuses an unknown id, with 404."""
        try:
            return int(self.params[name])
        except ValueError:
            raise not_found(_UNKNOWN_ID.get(name, -124), self.params[name]) from None

    def sees(self, place_id: int) -> bool:
        """Return whether the account manages this organisation or department."""
        return place_id in self.state.visible(self.admin)

    def hidden(self, missing: Refusal) -> Refusal:
        """Return the refusal of an object of somebody else: as *missing*, or -37."""
        return missing if self.state.dials.foreign_id == "not-found" else refuse(-37)

    def order(self, name: str = "sslId", *, missing: int = -124, status: int = 400) -> Order:
        """Return the order that a path parameter names; refuse *missing* with *status* when there is none."""
        return self.order_of(self.number(name), missing=missing, status=status)

    def order_of(self, ssl_id: int, *, missing: int = -124, status: int = 400) -> Order:
        """Return the order with this id, if the account may see it."""
        order = self.state.orders.get(ssl_id)
        unknown = refuse(missing, ssl_id, status=status)
        if order is None:
            raise unknown
        if not self.sees(order.department_id):
            raise self.hidden(unknown)
        return order


@dataclass(frozen=True)
class Route:
    """One operation; its name is method and path pattern."""

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
        _ROUTES.sort(key=lambda one: one.pattern.count("{"))
        return handler

    return register


def routes() -> tuple[Route, ...]:
    """Return every route; those with fewer parameters first."""
    return tuple(_ROUTES)


def find(request: Request) -> tuple[Route | None, Mapping[str, str]]:
    """Return the route of *request* and its path parameters."""
    for candidate in _ROUTES:
        match = candidate.expression.fullmatch(request.path) if candidate.method == request.method else None
        if match:
            return candidate, match.groupdict()
    return None, {}
