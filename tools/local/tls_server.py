"""A server on loopback that presents one certificate: what stands for a web server in `make run` and in tests."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Self

from local.isolation import LOOPBACK
from renewal.domain.endpoint.declaration import StartTls

Dialog = Callable[[socket.socket], None]
_SECONDS = 10.0
_LARGEST = 4096  # bytes that are read at once


def conversation(*answers: bytes, greeting: bytes = b"", end: bytes = b"\n") -> Dialog:
    """Return the dialog of a server that greets, and gives each of *answers* to a request, which ends with *end*."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(greeting)
        for answer in answers:
            request = b""
            while end not in request:
                received = connection.recv(_LARGEST)
                if not received:
                    msg = "the client has closed the connection"
                    raise ConnectionError(msg)
                request += received
            connection.sendall(answer)

    return speak


STARTTLS: Mapping[StartTls, Dialog] = {
    StartTls.SMTP: conversation(
        b"250-mx\r\n250 STARTTLS\r\n", b"220 go ahead\r\n", greeting=b"220-mx.univ.example\r\n220 ESMTP\r\n"
    ),
    StartTls.IMAP: conversation(b"* CAPABILITY IMAP4\r\na1 OK begin\r\n", greeting=b"* OK ready\r\n"),
    StartTls.POP3: conversation(b"+OK begin\r\n", greeting=b"+OK ready\r\n"),
    StartTls.LDAP: conversation(bytes.fromhex("300c02010178070a010004000400"), end=b"20037"),
    StartTls.XMPP: conversation(
        b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
        b"<proceed/>",
        end=b">",
    ),
}
"""What a server sends in each protocol before TLS begins (RFC 3207, 3501, 2595, 4511 and 6120)."""


class TlsServer:
    """Ends each connection after its handshake; a context manager.

    *pem*: private key, certificate and issuers, as `load` takes them; empty: every handshake fails. *dialog*: what is
    exchanged before TLS begins; it raises OSError to end the connection.
    """

    def __init__(self, pem: str, *, host: str = LOOPBACK, dialog: Dialog = lambda _connection: None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._dialog = dialog
        self.handshakes: SimpleQueue[bool | None] = SimpleQueue()
        """Of each handshake whether it resumed a session."""
        self.context = self.load(pem)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    def load(self, pem: str) -> ssl.SSLContext:
        """Reload: present another certificate from the next connection on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # readable by its owner only
            file.write(pem)
            file.flush()
            if pem:
                context.load_cert_chain(file.name)
        self.context = context
        return context

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_SECONDS)
        with connection, suppress(OSError):  # the client has closed it, or does not trust it
            self._dialog(connection)
            with self.context.wrap_socket(connection, server_side=True) as tls:
                self.handshakes.put(tls.session_reused)
                tls.recv(1)  # until the client closes it
