"""The server: the simulator over HTTP/1.1 with kept-alive connections, plain or TLS, on loopback only."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import struct
import sys
import tempfile
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Protocol, Self
from urllib.parse import unquote_to_bytes
from wsgiref.types import StartResponse, WSGIEnvironment

import trustme

from scm_simulator.http.messages import CONNECTION, ConnectionLost
from scm_simulator.world.dials import Dials

LOOPBACK = "127.0.0.1"
_HANDSHAKE_SECONDS = 10.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Application(Protocol):
    """What a server answers with: a simulator, or a recording that is replayed."""

    @property
    def dials(self) -> Dials:
        """Those of the connection have immediate effect."""

    @property
    def root_pem(self) -> str:
        """The roots of the issued certificates, as PEM."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse, /) -> Iterable[bytes]:
        """Answer a request."""


class Server:
    """Serves a simulator from threads of this process; a context manager.

    `base_url` ends in /api; `ca_file` is the PEM file of the TLS CA to trust, None without TLS;
    `roots_file` has the roots of the issued certificates. Both files are deleted with the server.
    """

    def __init__(self, simulator: Application, *, tls: bool = True, port: int = 0) -> None:
        """Listen on *port* of 127.0.0.1 (0: any free port) at once; requests are answered within `with`."""
        authority = trustme.CA() if tls else None
        context = _server_context(authority) if authority else None
        self._listener = _Listener((LOOPBACK, port), simulator, context)
        self._folder = tempfile.TemporaryDirectory(prefix="scm-simulator-")
        self.roots_file = Path(self._folder.name, "scm-root.pem")
        self.switch_to(simulator)
        self.ca_file = Path(self._folder.name, "tls-ca.pem") if authority else None
        if authority and self.ca_file:
            authority.cert_pem.write_to_path(self.ca_file)
        self.port = int(self._listener.server_address[1])
        self.base_url = f"{'https' if tls else 'http'}://{LOOPBACK}:{self.port}/api"
        self._thread = Thread(target=self._listener.serve_forever, args=(0.1,), daemon=True)

    def switch_to(self, simulator: Application) -> None:
        """Answer with *simulator* from the next request on."""
        self._listener.simulator = simulator
        self.roots_file.write_text(simulator.root_pem)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        self._folder.cleanup()


def _server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return a context with a certificate for loopback from *authority*, apart from the CA of SCM's certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", LOOPBACK, "::1").configure_cert(context)
    return context


class _Listener(ThreadingHTTPServer):
    """Accepts connections; TLS handshake and requests of each are in a thread of their own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: Application, context: ssl.SSLContext | None) -> None:
        self.simulator = simulator
        self.context = context
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; report any other exception, which is an error of the simulator."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """A connection: reads requests, calls the WSGI application, writes each answer in one piece."""

    protocol_version = "HTTP/1.1"
    server: _Listener
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Do the TLS handshake, then wait for each request no longer than the dial keep_alive_seconds."""
        if self.server.context is not None:
            self.request.settimeout(_HANDSHAKE_SECONDS)
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()
        self.connection.settimeout(self.server.simulator.dials.keep_alive_seconds)

    def finish(self) -> None:
        """Close the connection, also when the client has disconnected."""
        with contextlib.suppress(OSError):
            super().finish()
        with contextlib.suppress(OSError):
            self.request.close()

    def __getattr__(self, name: str) -> Any:
        """Answer every method (`do_GET`, `do_PUT` …) in the same way."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        connection: dict[str, bool] = {}
        head: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: object = None, /) -> Any:
            head[:] = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]

        try:
            body = self.server.simulator(self._environ(connection), start)
        except ConnectionLost:
            self._break()
            return
        self.wfile.write("\r\n".join(head).encode("latin-1") + b"".join(body))
        self.wfile.flush()
        if connection.get("close"):
            self.close_connection = True

    def _break(self) -> None:
        """Close the connection with a reset (RST)."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            socket.close(self.connection.detach())

    def _environ(self, connection: dict[str, bool]) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.url_scheme": "http" if self.server.context is None else "https",
            "wsgi.input": io.BytesIO(self._body()),
            "wsgi.input_terminated": True,
            CONNECTION: connection,
        }
        environ.update((f"HTTP_{name.upper().replace('-', '_')}", value) for name, value in self.headers.items())
        return environ

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing: `Simulator.calls` is the record."""
