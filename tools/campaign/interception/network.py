"""A network to the simulator for the product's own connections, of which a NAT gateway forgets those that are idle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h11
import httpcore
import httpx

from campaign.virtual_time import VirtualTime

IDLE_SECONDS = 350.0
"""AWS: vpc/latest/userguide/nat-gateway-troubleshooting.html."""


class PooledTransport(httpx.BaseTransport):
    """The transport of the product's *client*, with its pool of connections, over a network to *simulator*."""

    def __init__(self, client: httpx.Client, simulator: httpx.BaseTransport, time: VirtualTime) -> None:
        pooled: Any = client._transport  # noqa: SLF001 - httpx has no parameter for the network
        pooled._pool._network_backend = MemoryNetwork(simulator, time)  # noqa: SLF001
        self._pooled: httpx.BaseTransport = pooled

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; return an answer whose body can be read again."""
        answer = self._pooled.handle_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())


class MemoryNetwork(httpcore.NetworkBackend):
    """Opens connections to the simulator."""

    def __init__(self, simulator: httpx.BaseTransport, time: VirtualTime) -> None:
        self._simulator = simulator
        self._time = time

    def connect_tcp(
        self,
        host: str,
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Open a connection."""
        return MemoryStream(self._simulator, self._time, host)


class MemoryStream(httpcore.NetworkStream):
    """One connection. A request on one that was idle for too long is answered by a reset, and reaches no one."""

    def __init__(self, simulator: httpx.BaseTransport, time: VirtualTime, host: str) -> None:
        self._simulator = simulator
        self._time = time
        self._host = host
        self._server = h11.Connection(h11.SERVER)
        self._used_at = time.seconds()
        self._request = b"", b"", b""
        self._answer = b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Take a part of a request; answer it when it is complete."""
        now = self._time.seconds()
        if now - self._used_at > IDLE_SECONDS:
            message = "connection reset by peer"
            raise httpcore.WriteError(message)
        self._used_at = now
        if not buffer:  # to h11 that is the end of the connection
            return
        self._server.receive_data(buffer)
        while (event := self._server.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            self._take(event)

    def _take(self, event: Any) -> None:
        method, target, body = self._request
        if isinstance(event, h11.Request):
            self._headers = list(event.headers)
            self._request = event.method, event.target, b""
        elif isinstance(event, h11.Data):
            self._request = method, target, body + bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            url = f"https://{self._host}{target.decode()}"
            self._respond(httpx.Request(method.decode(), url, headers=self._headers, content=body))

    def _respond(self, request: httpx.Request) -> None:
        response = self._simulator.handle_request(request)
        head = h11.Response(status_code=response.status_code, headers=response.headers.raw, reason=b"")
        for event in (head, h11.Data(data=response.read()), h11.EndOfMessage()):
            self._answer += self._server.send(event) or b""
        self._server.start_next_cycle()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Return the next bytes of the answer."""
        part, self._answer = self._answer[:max_bytes], self._answer[max_bytes:]
        return part

    def close(self) -> None:
        """Forget the connection."""

    def start_tls(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Return itself: nothing is encrypted."""
        return self

    def get_extra_info(self, info: str) -> object:
        """Report that nothing has come: a reset is noticed when something is sent."""
        return False if info == "is_readable" else None
