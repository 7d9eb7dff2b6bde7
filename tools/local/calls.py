"""Every AWS API call that the local AWS answers, recorded at its HTTP edge."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError
from werkzeug.exceptions import NotFound

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_CLIENTS_OF_SIGNING_NAMES = {"states": "stepfunctions", "monitoring": "cloudwatch", "ses": "sesv2"}

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One AWS API call and its parameters: the body, or path, query and headers for S3.

    service: boto3's name of the service, such as `acm` or `stepfunctions`.
    who: the function's name, `states` (Step Functions itself) or `operator` (all others).
    status: the HTTP status of the answer.
    headers: by lower-case name.
    body: empty when it is neither JSON nor a form.
    """

    service: str
    operation: str
    who: str
    region: str
    status: int
    path: str = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


class CallRecorder:
    """WSGI middleware that records each call in a list."""

    def __init__(self, app: WsgiApp, calls: list[AwsCall]) -> None:
        self._app = app
        self._calls = calls

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request and record it; 501 for what moto does not implement, which would print a traceback."""
        from moto.core.request import Request

        request = Request({**environ})
        who, region, service = _scope(request)
        content = b""
        if service != "s3":  # whose bodies are objects, not parameters
            content = environ["wsgi.input"].read(request.content_length or 0)
            request.environ["wsgi.input"], environ["wsgi.input"] = io.BytesIO(content), io.BytesIO(content)
        operation = _operation(service, request)
        body = _body(content, request.mimetype)
        headers = {name.lower(): value for name, value in request.headers}

        def respond(status: str, *arguments: Any) -> Any:
            code, query = int(status.split(maxsplit=1)[0]), request.args.to_dict()
            self._calls.append(AwsCall(service, operation, who, region, code, request.path, query, headers, body))
            return start_response(status, *arguments)

        try:
            return self._app(environ, respond)
        except (ImportError, NotImplementedError):  # moto lacks the operation, the service or a package for it
            content_type, answer = _not_implemented(operation, request.mimetype)
            respond("501 Not Implemented", [("Content-Type", content_type)])
            return [answer.encode()]


def _not_implemented(operation: str, media_type: str) -> tuple[str, str]:
    """Return type and text of an error of AWS, in the protocol of a request of *media_type*."""
    code, text = "NotImplemented", f"The local AWS does not implement {operation}."
    if "form" in media_type:
        xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
        return "text/xml", xml
    return "application/json", json.dumps({"__type": code, "message": text})


def _body(content: bytes, media_type: str) -> Mapping[str, Any]:
    if content and "json" in media_type:
        document: Mapping[str, Any] = json.loads(content)
        return document
    return dict(parse_qsl(content.decode())) if "form" in media_type else {}


def _scope(request: Any) -> tuple[str, str, str]:
    """Return who signed the request, for which region and service; a presigned request is signed in its query."""
    presigned = f"Credential={request.args.get('X-Amz-Credential', '')}/"
    match = _SCOPE.search(request.headers.get("Authorization", "") or presigned)
    if match is None:
        return "unsigned", "", ""
    return match[1], match[2], _CLIENTS_OF_SIGNING_NAMES.get(match[3], match[3])


def _operation(service: str, request: Any) -> str:
    """Return the operation's name, from botocore's model of the service; method and path when it has none."""
    from moto.core.routing import get_service_router

    try:
        operation, _ = get_service_router(service).match(request)
    except (NotFound, NotImplementedError, UnknownServiceError):
        return f"{request.method} {request.path}"
    return str(operation.name)
