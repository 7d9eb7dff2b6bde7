"""A transport for httpx: the simulator without a socket, its broken connections as with one."""

from __future__ import annotations

import httpx

from .simulator import Simulator
from .wire import ConnectionLost


class InProcess(httpx.BaseTransport):
    """Like httpx.WSGITransport, but a ConnectionLost becomes httpx.ReadError, as a reset connection does."""

    def __init__(self, simulator: Simulator, *, peer: str = "127.0.0.1") -> None:
        """Talk to *simulator* as if from the address *peer*."""
        self._wsgi = httpx.WSGITransport(app=simulator, remote_addr=peer)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request to the simulator."""
        try:
            return self._wsgi.handle_request(request)
        except ConnectionLost as lost:
            message = f"connection reset ({lost})"
            raise httpx.ReadError(message, request=request) from lost
