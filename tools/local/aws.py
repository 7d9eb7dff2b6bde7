"""AWS on this machine, served over HTTP on loopback."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from local import executions
from local.calls import Call, CallRecorder
from local.clients import STATES, Clients
from local.cloudformation.provisioner import ACCOUNT, Provisioner
from local.cloudformation.template import load
from local.functions.pool import Function, FunctionPool
from local.isolation import LOOPBACK, credentials, isolate
from local.moto_repairs import repaired
from local.moto_repairs.repairs import Repairs
from local.moto_repairs.strict_acm import StrictAcm
from local.process_guard import OPERATOR, deployed_function, only_one

_NOTHING: Mapping[str, str] = MappingProxyType({})
_POLL_SECONDS = 0.05  # how soon the server notices that it is to stop


class LocalAws:
    """The stack of a SAM template, running on this machine; a context manager.

    template: the SAM template to provision, as it is shipped.
    parameters: parameters of the stack; the template's defaults count for the rest.
    wait_factor: multiplies every Wait and every Retry interval of the state machine; 1 is real time.
    port: the port on 127.0.0.1; 0 takes a free one.
    function_environment: variables added to every function's own, for what only this machine needs.
    """

    def __init__(
        self,
        template: Path,
        *,
        parameters: Mapping[str, str] = _NOTHING,
        wait_factor: float = 0.02,
        region: str = "eu-west-3",
        port: int = 0,
        function_environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.region = region
        self.calls: list[Call] = []
        self._resources = ExitStack()
        self._resources.enter_context(only_one())
        try:
            self._start(port, wait_factor, function_environment)
            self._provision(template, parameters)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client of the operator."""
        return self._operator.client(service, region or self.region)

    def exports(self) -> dict[str, str]:
        """Return the variables with which boto3 and the AWS CLI work against it."""
        return {
            **credentials(OPERATOR),
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def start_execution(self, state_machine_arn: str, name: str, input: dict[str, Any]) -> str:  # noqa: A002
        """Start an execution and return its ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn, name=name, input=json.dumps(input)
        )
        return str(started["executionArn"])

    def history(self, execution_arn: str) -> dict[str, Any]:
        """Return `{"execution": {…}, "events": […], "children": […]}` of an execution (see `executions`)."""
        return executions.history(execution_arn, ACCOUNT, self.region)

    def function_log(self, name: str) -> str:
        """Return what a function wrote so far; by its name or its logical id in the template."""
        return self._pool.log(self._functions.get(name, name))

    def close(self) -> None:
        """Stop the server and every function, forget all state. Closing twice does nothing."""
        self._resources.close()

    def _start(self, port: int, wait_factor: float, function_environment: Mapping[str, str]) -> None:
        isolate(self.region)
        server = _Server(port, self.calls)
        self.endpoint = server.endpoint
        self._pool = FunctionPool(self.endpoint, self.region, function_environment)
        self._resources.callback(self._pool.close)
        self.acm = StrictAcm(wait_factor)
        states = Clients(STATES, self.endpoint, retries=1)
        self._operator = Clients(OPERATOR, self.endpoint)
        repairs = Repairs(wait_factor, states.client, self._invoke, self.acm)
        self._resources.enter_context(repaired(repairs))
        server.start()
        self._resources.callback(server.stop)

    def _provision(self, path: Path, parameters: Mapping[str, str]) -> None:
        stack = Provisioner(load(path, parameters), parameters, self.client, self.region)
        self.outputs = stack.create()
        self._functions = stack.physical_names("AWS::Lambda::Function")
        self._pool.prewarm(_deployed(self.region))

    def _invoke(self, function: Any, event: str) -> tuple[bytes, bool]:
        return self._pool.invoke(deployed_function(function), event)


class _Server:
    """moto's HTTP server on a port of loopback."""

    def __init__(self, port: int, calls: list[Call]) -> None:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class KeepAlive(MotoRequestHandler):
            protocol_version = "HTTP/1.1"

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would log every request
        app = CallRecorder(DomainDispatcherApplication(create_backend_app), calls)
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


def _deployed(region: str) -> list[Function]:
    from moto.awslambda.models import lambda_backends

    return [deployed_function(function) for function in lambda_backends[ACCOUNT][region].list_functions()]
