"""A transport for httpx: the simulator without a socket, with broken connections as over a socket."""

from __future__ import annotations

from wsgiref.types import WSGIApplication

import httpx

from scm_simulator.http.messages import ConnectionLost


class InProcess(httpx.BaseTransport):
    """Like httpx.WSGITransport, but a ConnectionLost becomes httpx.ReadError, as a reset connection does."""

    def __init__(self, simulator: WSGIApplication, *, peer: str = "127.0.0.1") -> None:
        """Call *simulator* as from the address *peer*."""
        self._wsgi = httpx.WSGITransport(app=simulator, remote_addr=peer)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request to the simulator."""
        try:
            return self._wsgi.handle_request(request)
        except ConnectionLost as lost:
            message = f"connection reset ({lost})"
            raise httpx.ReadError(message, request=request) from lost
