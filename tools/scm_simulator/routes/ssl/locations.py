"""Locations of a certificate, of the custom type (SCM reference §5.13)."""

from __future__ import annotations

from typing import Any

from scm_simulator.backend.order import Order
from scm_simulator.http.messages import EMPTY_OK, NO_CONTENT, Response, created, pretty_json
from scm_simulator.http.routing import Call, route
from scm_simulator.refusals import not_found

_FIRST_LOCATION = 51


def _location(call: Call) -> tuple[Order, int]:
    order, number = call.certificate(), call.number("locationId")
    if number not in order.locations:
        raise not_found(-5101, f"location {number}")
    return order, number


def _json(order: Order, number: int) -> dict[str, Any]:
    return {"id": number, "locationType": "CUSTOM", "name": "", "details": order.locations[number]}


@route("GET", "/api/ssl/v1/{sslId}/location")
def locations(call: Call) -> Response:
    """List the locations of a certificate."""
    order = call.certificate()
    return pretty_json([_json(order, number) for number in order.locations])


@route("POST", "/api/ssl/v1/{sslId}/location")
def create(call: Call) -> Response:
    """Add a location where a certificate is installed."""
    order, details = call.certificate(), call.body().text_members("details")
    number = max(order.locations, default=_FIRST_LOCATION - 1) + 1
    order.locations[number] = details
    return created(f"{call.request.base_url}/api/ssl/v1/{order.ssl_id}/location/{number}")


@route("GET", "/api/ssl/v1/{sslId}/location/{locationId}")
def location(call: Call) -> Response:
    """Return a location."""
    return pretty_json(_json(*_location(call)))


@route("PUT", "/api/ssl/v1/{sslId}/location/{locationId}")
def change(call: Call) -> Response:
    """Change a location."""
    order, number = _location(call)
    order.locations[number] = call.body().text_members("details")
    return EMPTY_OK


@route("DELETE", "/api/ssl/v1/{sslId}/location/{locationId}")
def delete(call: Call) -> Response:
    """Delete a location."""
    order, number = _location(call)
    del order.locations[number]
    return NO_CONTENT
