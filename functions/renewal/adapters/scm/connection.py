"""The connection to SCM: one HTTP client per environment, and what a broken connection means."""

from __future__ import annotations

import logging
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from renewal.adapters.scm.call import Call
from renewal.domain.errors import AnswerLost, ScmUnavailable

KEEP_ALIVE_SECONDS = 10.0
"""SCM closes idle connections after 15 s (SCM reference §3.7): ours must be given up before."""

_NOTHING_WAS_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_STALE_CONNECTION = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


def new_http_client(
    *, connect_seconds: float = 5.0, read_seconds: float = 20.0, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """Return the client that all accounts share: one TLS context, connections kept for 10 s, no cookies kept.

    Calls that order wait longer than *read_seconds* by themselves (`call.ORDER_SECONDS`). *transport* is the
    network unless a test brings another.
    """
    for library in ("httpx", "httpcore"):
        # They write URLs and headers, and a header is where the password travels.
        logging.getLogger(library).setLevel(logging.WARNING)
    return httpx.Client(
        verify=httpx.create_ssl_context() if transport is None else True,
        transport=transport,
        timeout=httpx.Timeout(read_seconds, connect=connect_seconds),
        limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS),
        headers={"User-Agent": "certmandate"},
        # A session cookie of one account must never travel with the login of another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )


def exchange(http: httpx.Client, request: httpx.Request, call: Call) -> httpx.Response:
    """Send *request* and return what comes back, whatever its status.

    What only reads is sent once more when a kept-alive connection turned out to be dead. Raises AnswerLost
    when a call that orders may have reached SCM, ScmUnavailable for everything else. httpx's errors carry the
    request and with it the password, so they are never chained to ours.
    """
    result = _sent(http, request)
    if isinstance(result, _STALE_CONNECTION) and call.only_reads:
        result = _sent(http, request)
    if isinstance(result, httpx.Response):
        return result
    if call.orders and not isinstance(result, _NOTHING_WAS_SENT):
        msg = f"SCM's answer was lost: {call.operation} ended in {_named(result)}"
        raise AnswerLost(msg)
    msg = f"SCM did not answer: {call.operation} ended in {_named(result)}"
    raise ScmUnavailable(msg)


def _sent(http: httpx.Client, request: httpx.Request) -> httpx.Response | httpx.RequestError:
    try:
        return http.send(request)
    except httpx.RequestError as error:
        return error


def _named(error: httpx.RequestError) -> str:
    # Only connecting errors are quoted: they speak of the host, the others may quote what was sent.
    return f"{type(error).__name__} ({error})" if isinstance(error, httpx.ConnectError) else type(error).__name__
