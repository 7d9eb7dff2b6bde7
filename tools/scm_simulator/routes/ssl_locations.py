"""Locations of a certificate, of the custom kind (SCM reference §5.13)."""

from __future__ import annotations

from typing import Any

from scm_simulator.order import Order
from scm_simulator.refusals import must_be_there, not_found, refuse
from scm_simulator.routing import Call, route
from scm_simulator.wire import EMPTY_OK, JSON_UTF8, NO_CONTENT, Response, json_answer

_FIRST_LOCATION = 51


def _order(call: Call) -> Order:
    return call.order(missing=-5101, status=404)


def _details(call: Call) -> dict[str, str]:
    value = call.request.object().get("details")
    if value is None:
        msg = "details"
        raise must_be_there(msg)
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise refuse(-1002)
    return value


def _location(call: Call) -> tuple[Order, int]:
    order, number = _order(call), call.number("locationId")
    if number not in order.locations:
        raise not_found(-5101, f"location {number}")
    return order, number


def _shown(order: Order, number: int) -> dict[str, Any]:
    return {"id": number, "locationType": "CUSTOM", "name": "", "details": order.locations[number]}


@route("GET", "/api/ssl/v1/{sslId}/location")
def locations(call: Call) -> Response:
    """List the locations of a certificate."""
    order = _order(call)
    items = [_shown(order, number) for number in order.locations]
    return json_answer(items, media=JSON_UTF8, pretty=True)


@route("POST", "/api/ssl/v1/{sslId}/location")
def create(call: Call) -> Response:
    """Note where a certificate is installed."""
    order, details = _order(call), _details(call)
    number = max(order.locations, default=_FIRST_LOCATION - 1) + 1
    order.locations[number] = details
    return Response(201, b"", (("Location", f"{call.request.base_url}/api/ssl/v1/{order.ssl_id}/location/{number}"),))


@route("GET", "/api/ssl/v1/{sslId}/location/{locationId}")
def location(call: Call) -> Response:
    """Tell one location."""
    return json_answer(_shown(*_location(call)), media=JSON_UTF8, pretty=True)


@route("PUT", "/api/ssl/v1/{sslId}/location/{locationId}")
def change(call: Call) -> Response:
    """Change one location."""
    order, number = _location(call)
    order.locations[number] = _details(call)
    return EMPTY_OK


@route("DELETE", "/api/ssl/v1/{sslId}/location/{locationId}")
def forget(call: Call) -> Response:
    """Forget one location."""
    order, number = _location(call)
    del order.locations[number]
    return NO_CONTENT
