"""Every AWS API call that the local AWS answers, recorded at its HTTP edge."""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import botocore.session
from botocore.loaders import Loader

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_CLIENTS_OF_SIGNING_NAMES = {"states": "stepfunctions", "monitoring": "cloudwatch"}

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Call:
    """One AWS API call.

    service: boto3's name of the service, such as `acm` or `stepfunctions`.
    who: the function's name, `states` (Step Functions itself) or `operator` (all others).
    status: the HTTP status of the answer.
    """

    time: dt.datetime
    service: str
    operation: str
    who: str
    region: str
    status: int


class CallRecorder:
    """WSGI middleware that records each call in a list."""

    def __init__(self, app: WsgiApp, calls: list[Call]) -> None:
        self._app = app
        self._calls = calls

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request and record it."""
        called_at = dt.datetime.now(dt.UTC)
        who, region, signing_name = _scope(environ)
        service = _CLIENTS_OF_SIGNING_NAMES.get(signing_name, signing_name)
        operation = _operation(service, environ)

        def respond(status: str, *arguments: Any) -> Any:
            self._calls.append(Call(called_at, service, operation, who, region, int(status.split(maxsplit=1)[0])))
            return start_response(status, *arguments)

        return self._app(environ, respond)


def _scope(environ: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return who signed the request, for which region and service."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    presigned = f"Credential={query['X-Amz-Credential'][0]}/" if "X-Amz-Credential" in query else ""
    match = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "") or presigned)
    return (match[1], match[2], match[3]) if match else ("unsigned", "", "")


def _operation(service: str, environ: dict[str, Any]) -> str:
    """Return the operation's name: of the target header, RPC v2's path, the form's Action or the REST one."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rsplit(".", 1)[-1]
    path = str(environ.get("PATH_INFO", "/"))
    if "/operation/" in path:
        return str(path).rsplit("/", 1)[-1]
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return _form_action(environ)
    return _rest_operation(service, environ)


def _form_action(environ: dict[str, Any]) -> str:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return str(parse_qs(body.decode("utf-8", "replace")).get("Action", ["unknown"])[0])


@dataclass(frozen=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]  # members that the query must have
    headers: frozenset[str]  # headers, in WSGI's spelling, that it must have

    @property
    def weight(self) -> tuple[int, int]:
        """Order the routes: the one that asks for most comes first."""
        return len(self.query) + len(self.headers), len(self.path.pattern)


def _rest_operation(service: str, environ: Mapping[str, Any]) -> str:
    path, method = environ.get("PATH_INFO", "/"), environ["REQUEST_METHOD"]
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    given = {*query, *(f"{name}={values[0]}" for name, values in query.items())}
    for route in _routes(service):
        asked = route.query <= given and all(header in environ for header in route.headers)
        if route.method == method and asked and route.path.fullmatch(path):
            return route.operation
    return f"{method} {path}"


@functools.cache
def _routes(service: str) -> list[_Route]:
    """Return the REST operations of a service, from botocore's model of it."""
    session = botocore.session.Session()
    # Its own descriptions: a call to S3 changes the addresses in those that the clients of this process share.
    session.register_component("data_loader", Loader())
    if service not in session.get_available_services():
        return []
    model = session.get_service_model(service)
    operations = [model.operation_model(name) for name in model.operation_names]
    routes = [_route(operation) for operation in operations if not operation.deprecated]
    return sorted(routes, key=lambda route: route.weight, reverse=True)


def _route(operation: Any) -> _Route:
    uri, _, literal = operation.http["requestUri"].partition("?")
    members = operation.input_shape.members if operation.input_shape else {}
    needed = set(operation.input_shape.required_members) if operation.input_shape else set()
    needs = [members[name].serialization for name in needed]
    pattern = "".join(_path_part(part) for part in re.split(r"(\{[^}]+\})", uri.rstrip("/")))
    return _Route(
        operation.name,
        operation.http["method"],
        re.compile(pattern + "/?"),
        frozenset(part for part in literal.split("&") if part)
        | {need["name"] for need in needs if need.get("location") == "querystring"},
        frozenset(_header(need["name"]) for need in needs if need.get("location") == "header"),
    )


def _path_part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith("+}") else "[^/]+"


def _header(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")
