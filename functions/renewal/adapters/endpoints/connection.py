"""One TCP connection: it ends at a deadline, and after a number of bytes, whatever the server does."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from renewal.deadline import Deadline

MOST_BYTES = 256 * 1024
"""That are received: OpenSSL takes a chain of 100 KB at most."""
_PIECE = 4096


class Unanswered(Exception):
    """The server closed the connection, did not answer in time, or with something else; the text names it."""


class Connection:
    """A connection to *address*, an `AF_INET` or `AF_INET6` socket address. Opening it raises OSError."""

    def __init__(self, address: tuple[str, int], deadline: Deadline) -> None:
        self._deadline, self._left, self._read = deadline, MOST_BYTES, b""
        self._socket = socket.create_connection(address, timeout=max(deadline.seconds_left(), 0.001))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send *data*."""
        self._require_time()
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """Return what has arrived, at least one byte. Raises Unanswered."""
        self._require_time()
        data = self._read or self._socket.recv(min(_PIECE, self._left))
        self._read, self._left = b"", self._left - len(data)
        if not data:
            msg = "the server closed the connection"
            raise Unanswered(msg)
        if self._left <= 0:
            msg = f"the server sent more than {MOST_BYTES} bytes before the end of the handshake"
            raise Unanswered(msg)
        return data

    def until(self, end: bytes) -> bytes:
        """Return what arrives up to and with *end*; keep the rest."""
        read = self.receive()
        while end not in read:
            read += self.receive()
        read, matched, self._read = read.partition(end)
        self._left += len(self._read)
        return read + matched

    def forget(self) -> None:
        """Drop what has arrived: before TLS begins, a server that waits for it has sent nothing more."""
        self._read = b""

    def _require_time(self) -> None:
        if not (seconds := self._deadline.seconds_left()):
            raise TimeoutError
        self._socket.settimeout(seconds)
