"""Which certificate names a request is about, so that a fault can strike one certificate alone."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .csr import read_csr
from .refusals import Refusal
from .state import State
from .wire import Request


def names_concerned(state: State, request: Request, params: Mapping[str, str]) -> frozenset[str]:
    """Return, in lower case, the names in CSR, body and query, and those of the order in the path."""
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
        body = json.loads(request.body)
        names = {read_csr(body.get("csr")).common_name}
    except (ValueError, RecursionError, Refusal, AttributeError):
        return set()
    others = body.get("subjAltNames")
    return names | set(others.split(",") if isinstance(others, str) else [])
