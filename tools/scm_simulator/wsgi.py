"""Between WSGI (PEP 3333) and our requests and answers."""

from __future__ import annotations

from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

from .wire import Header, Request, Response

CONNECTION = "scm_simulator.connection"
"""WSGI environment key: a server puts a dict there; `close` in it asks for the connection to be closed."""


def request_of(environ: WSGIEnvironment) -> Request:
    """Return the request that *environ* tells of."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers |= {"content-type": environ.get("CONTENT_TYPE", "")}
    path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path,
        query_string=environ.get("QUERY_STRING", ""),
        headers=headers,
        body=_body(environ),
        peer=environ.get("REMOTE_ADDR", ""),
        base_url=f"{environ['wsgi.url_scheme']}://{headers.get('host', environ.get('SERVER_NAME', ''))}",
    )


def _body(environ: WSGIEnvironment) -> bytes:
    """Read the body: as long as Content-Length says, or to the end where the server marks it."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length:
        return bytes(environ["wsgi.input"].read(int(length)))
    return bytes(environ["wsgi.input"].read()) if environ.get("wsgi.input_terminated") else b""


def headers_of(response: Response) -> list[Header]:
    """Return the headers of *response* with its length; a 204 has none (SCM reference §3.1)."""
    headers = list(response.headers)
    if response.status != HTTPStatus.NO_CONTENT:
        headers.append(("Content-Length", str(len(response.body))))
    return headers
