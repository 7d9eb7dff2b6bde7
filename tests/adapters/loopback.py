"""An HTTP server on loopback behind a NAT gateway that drops idle flows."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Server:
    """Answers every request on loopback, and keeps connections as long as its clients want.

    *context*: of TLS; without one, the server speaks plain HTTP.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[str] = []
        """Lines and headers of each request that was received."""
        self.answer: Callable[[socket.socket], None] = sending(f"{HEAD}Content-Length: 2\r\n\r\n[]".encode())
        self.forgotten = threading.Event()
        """A NAT gateway between client and server has dropped the flows of the connections that are open now."""
        self.is_over = threading.Event()
        self.was_patient = threading.Event()
        """A client has waited until the end of a `dripping` answer."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address at which it listens."""
        host, port = self.listener.getsockname()
        return f"{'https' if self._context else 'http'}://{host}:{port}"

    def lines(self) -> list[str]:
        """The first line of each request."""
        return [request.splitlines()[0] for request in self.requests]

    def forget(self) -> None:
        """Drop all flows: the next packet on one of them is answered with a reset, and reaches no server."""
        self.forgotten.set()
        self.forgotten = threading.Event()

    def close(self) -> None:
        """End every answer and take no more connections."""
        self.is_over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, self.forgotten), daemon=True).start()

    def _serve(self, connection: socket.socket, forgotten: threading.Event) -> None:
        with suppress(OSError), self._accepted(connection) as accepted:  # the client has closed it
            while first := accepted.recv(65536):
                if forgotten.is_set():
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                self.requests.append(_whole(accepted, first))
                self.answer(accepted)

    def _accepted(self, connection: socket.socket) -> socket.socket:
        return self._context.wrap_socket(connection, server_side=True) if self._context else connection


def _whole(connection: socket.socket, read: bytes) -> str:
    """Read a request to the end of its body."""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head.decode()


def sending(*parts: bytes) -> Callable[[socket.socket], None]:
    """Send these parts."""

    def send(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return send


def dripping(server: Server, start: bytes, interval: float = 0.02) -> Callable[[socket.socket], None]:
    """Send *start*, then 300 bytes, one every *interval* seconds."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(300):
            if server.is_over.wait(interval):
                return
            connection.sendall(b"x")
        server.was_patient.set()
        connection.shutdown(socket.SHUT_RDWR)

    return drip
