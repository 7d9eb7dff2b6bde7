"""AWS on this machine, served over HTTP on loopback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local.calls import AwsCall, CallRecorder
from local.clients import OPERATOR, STATES, Clients
from local.cloudformation.parameters import ACCOUNT, REGION
from local.cloudformation.provisioner import Provisioner
from local.cloudformation.template import load
from local.functions.pool import Function, FunctionPool
from local.isolation import LOOPBACK, credentials
from local.moto_repairs import repaired
from local.moto_repairs.repairs import Repairs
from local.moto_stack import MotoStack

_NOTHING: Mapping[str, str] = MappingProxyType({})
_POLL_SECONDS = 0.05  # between two checks of the server whether it must stop


class LocalAws(MotoStack):
    """The stack of a SAM template, served over HTTP; each function in processes of its own.

    parameters: parameters of the stack; the template's defaults count for the rest.
    wait_factor: multiplies every Wait and every Retry interval of the state machine; 1 is real time.
    port: the port on 127.0.0.1; 0 takes a free one.
    function_environment: variables that every function gets in addition to those of the template.
    """

    def __init__(
        self,
        template: Path,
        *,
        parameters: Mapping[str, str] = _NOTHING,
        wait_factor: float = 0.02,
        port: int = 0,
        function_environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(wait_factor)
        self.calls: list[AwsCall] = []
        try:
            self._start(port, wait_factor, function_environment)
            self._provision(template, parameters)
        except BaseException:
            self.close()
            raise

    def exports(self) -> dict[str, str]:
        """Return the environment variables with which boto3 and the AWS CLI use this stack."""
        return {
            **credentials(OPERATOR),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def _start(self, port: int, wait_factor: float, function_environment: Mapping[str, str]) -> None:
        server = _Server(port, self.calls)
        self.endpoint = server.endpoint
        self._pool = FunctionPool(self.endpoint, REGION, function_environment)
        self._resources.callback(self._pool.close)
        states = Clients(STATES, self.endpoint, retries=1)
        self._operator = Clients(OPERATOR, self.endpoint)
        repairs = Repairs(wait_factor, states.client, self._invoke, self.acm)
        self._resources.enter_context(repaired(repairs))
        server.start()
        self._resources.callback(server.stop)

    def _provision(self, path: Path, parameters: Mapping[str, str]) -> None:
        stack = Provisioner(load(path, parameters), parameters, self.client)
        self.outputs = stack.create()
        self._pool.prewarm(_deployed())

    def _invoke(self, function: Any, event: str) -> tuple[bytes, bool]:
        return self._pool.invoke(Function.of(function), event)


class _Server:
    """moto's HTTP server on a port of loopback."""

    def __init__(self, port: int, calls: list[AwsCall]) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        class KeepAlive(MotoRequestHandler):
            protocol_version = "HTTP/1.1"

        def backend_app(service: Any) -> Any:
            if service is None:
                raise NotImplementedError  # moto would end in an AttributeError
            return create_backend_app(service)

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would log every request
        app = CallRecorder(DomainDispatcherApplication(backend_app), calls)
        self._server = make_server(LOOPBACK, port, app, threaded=True, request_handler=KeepAlive)
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _deployed() -> list[Function]:
    from moto.awslambda.models import lambda_backends

    return [Function.of(function) for function in lambda_backends[ACCOUNT][REGION].list_functions()]
