"""HTTP to other hosts: a new connection for every request, one time limit for the whole of it, bounded bodies.

A connection is never kept. Lambda freezes an environment between invocations, a NAT gateway drops a flow that was
idle for 350 s, and the clock by which idle connections are aged may stand still meanwhile: an order sent on such a
connection would be lost without reaching SCM.
"""

from __future__ import annotations

import logging
import socket
import time
import zlib
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import SSLContext
from typing import cast

import httpcore
import httpx

from renewal.deadline import Deadline

CONNECT_SECONDS = 5.0
"""For TCP and TLS together, over all addresses of a host."""
CALL_SECONDS = 20.0
"""From the connection to the last byte of the body, unless the request has a deadline."""
MOST_BYTES = 2_000_000
"""Of a decoded body, unless the request permits more."""

_BY_ZLIB = zlib.MAX_WBITS | 32  # gzip and deflate, distinguished by their headers


class AnswerTooLarge(httpx.RequestError):
    """The body has more bytes after decoding than the request permits."""


def new_http_client(*, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client without state: no connection and no cookie is kept.

    A request ends by the `Deadline` that its extension `deadline` holds, after 20 s when it has none. What does not
    end in time is a TimeoutException of httpx; a body of more than `MOST_BYTES`, or than the request's extension
    `most_bytes`, AnswerTooLarge. *transport* is the network unless a test
    passes another.
    """
    for library in ("httpx", "httpcore"):
        # They log URLs and headers, and the password is in a header.
        logging.getLogger(library).setLevel(logging.WARNING)
    client = httpx.Client(
        verify=httpx.create_ssl_context() if transport is None else True,
        transport=transport,
        timeout=httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_keepalive_connections=0),
        headers={"User-Agent": "certmandate", "Accept-Encoding": "identity"},
        # A session cookie of one account must never be sent with the login of another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        event_hooks={"request": [_limit_time], "response": [_read_bounded]},
    )
    for network in (client._transport, *client._mounts.values()):  # noqa: SLF001  # httpx has no parameter for it
        if isinstance(network, httpx.HTTPTransport):
            network._pool._network_backend = _TimedBackend()  # noqa: SLF001
    return client


def _limit_time(request: httpx.Request) -> None:
    deadline: Deadline | None = request.extensions.get("deadline")
    if deadline is None:
        return
    left = deadline.seconds_left()
    if not left:
        msg = "no time is left for this request"
        raise httpx.ConnectTimeout(msg, request=request)
    request.extensions["timeout"] = httpx.Timeout(left, connect=min(left, CONNECT_SECONDS)).as_dict()


def _read_bounded(response: httpx.Response) -> None:
    """Replace the body by what has been read and decoded of it, so that httpx decodes nothing without a limit."""
    encoding = response.headers.pop("Content-Encoding", "identity")
    stream = cast("httpx.SyncByteStream", response.stream)
    try:
        body = _decoded(encoding, stream, response.request.extensions.get("most_bytes", MOST_BYTES))
    except httpx.RequestError as failure:
        failure.request = response.request
        raise
    finally:
        stream.close()
    response.stream = httpx.ByteStream(body)


def _decoded(encoding: str, chunks: Iterable[bytes], most: int) -> bytes:
    unpacker = zlib.decompressobj(_BY_ZLIB)
    body = bytearray()
    for chunk in chunks:
        try:
            body += chunk if encoding == "identity" else unpacker.decompress(chunk, most + 1 - len(body))
        except zlib.error:
            msg = "the body is not encoded as its headers declare"
            raise httpx.DecodingError(msg) from None
        if len(body) > most:
            msg = f"the body has more than {most} bytes"
            raise AnswerTooLarge(msg)
    return bytes(body)


# ---- One time limit for everything that happens on a connection ----------------------------------------------------


class _TimedStream(httpcore.NetworkStream):
    """Counts every time limit from the opening of the connection: httpx counts it again for each read."""

    def __init__(self, inner: httpcore.NetworkStream, opened: float) -> None:
        self._inner = inner
        self._opened = opened

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._opened, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._opened, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            left = _left(self._opened, timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            self.close()  # httpcore closes only a connection on which TLS has begun
            raise
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, left), self._opened)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _TimedBackend(httpcore.SyncBackend):
    """Opens connections of which the whole life has one time limit."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception
        opened, failure = time.monotonic(), httpcore.ConnectError(f"{host} has no address")
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses):
            left = _left(opened, timeout, httpcore.ConnectTimeout)
            share = left and left / (len(addresses) - tried)  # one that is silent leaves time for the next
            try:
                stream = super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _TimedStream(stream, opened)
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        msg = f"{host} cannot be resolved: {error}"
        raise httpcore.ConnectError(msg) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in resolved))


def _left(opened: float, timeout: float | None, error: type[Exception]) -> float | None:
    """Return what is left of *timeout*; None when there is none. Monotonic time: no environment is frozen in a call."""
    if timeout is None:
        return None
    left = timeout - (time.monotonic() - opened)
    if left <= 0:
        msg = "the time of the request is over"
        raise error(msg)
    return left
