"""The connection to SCM: one HTTP client per environment, and one exchange over it."""

from __future__ import annotations

import json
import logging
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from renewal.adapters.scm.authentication import Login
from renewal.adapters.scm.error_mapping import error_for, no_answer
from renewal.adapters.scm.request import ACCESS_TOKEN, Request
from renewal.adapters.scm.responses import error_response_from
from renewal.domain.errors import RenewalError

KEEP_ALIVE_SECONDS = 10.0
"""SCM closes idle connections after 15 s (SCM reference §3.7): ours must be closed before."""

_STALE_CONNECTION = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


def new_http_client(
    *, connect_seconds: float = 5.0, read_seconds: float = 20.0, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """Return the client that all accounts share: one TLS context, connections kept for 10 s, no cookies kept.

    An order waits longer than *read_seconds* (`request.ORDER_SECONDS`). *transport* is the network unless a test
    passes another.
    """
    for library in ("httpx", "httpcore"):
        # They log URLs and headers, and the password is in a header.
        logging.getLogger(library).setLevel(logging.WARNING)
    return httpx.Client(
        verify=httpx.create_ssl_context() if transport is None else True,
        transport=transport,
        timeout=httpx.Timeout(read_seconds, connect=connect_seconds),
        limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS),
        headers={"User-Agent": "certmandate"},
        # A session cookie of one account must never be sent with the login of another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )


def exchange(http: httpx.Client, login: Login, request: Request) -> httpx.Response:
    """Send *request* with *login* and return SCM's 2xx response.

    A request that only reads is sent once more when a kept-alive connection turns out to be dead. Raises the error for
    any other response, AnswerLost when an order may have reached SCM, ScmUnavailable for any other failure.
    """
    prepared = _prepared(http, login, request)
    result: httpx.Response | RenewalError
    for may_repeat in (True, False):
        try:
            result = http.send(prepared, auth=login)
        except httpx.RequestError as failure:
            failed = request if failure.request is prepared else ACCESS_TOKEN
            result = no_answer(failed, failure)
            if may_repeat and failed.only_reads and isinstance(failure, _STALE_CONNECTION):
                continue
        break
    if isinstance(result, RenewalError):
        # An exception keeps its cause unless the cause holds a secret. httpx's holds the request with the password, so
        # ours is raised outside of the `except`: the cause is not even its context.
        raise result
    if not result.is_success:
        raise error_for(request, error_response_from(result, (*login.secrets(), request.secret)))
    return result


def _prepared(http: httpx.Client, login: Login, request: Request) -> httpx.Request:
    default = http.timeout
    seconds = request.read_seconds
    return http.build_request(
        request.method,
        login.base_url.rstrip("/") + request.path,
        params=request.params or None,
        headers=None if request.body is None else {"Content-Type": "application/json;charset=utf-8"},
        content=None if request.body is None else json.dumps(request.body),
        timeout=default if seconds is None else httpx.Timeout(seconds, connect=default.connect),
    )
