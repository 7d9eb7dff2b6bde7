"""AWS inside this process: no server, no child processes; for tests that replace or interrupt a function."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local.clients import OPERATOR, STATES, Clients
from local.cloudformation.parameters import ACCOUNT, REGION
from local.cloudformation.provisioner import Provisioner
from local.cloudformation.template import load
from local.functions.fork_server import LambdaContext, error_document
from local.functions.pool import Function
from local.moto_repairs import repaired
from local.moto_repairs.repairs import Invoke, Repairs
from local.moto_stack import MotoStack

_NOTHING: Mapping[str, str] = MappingProxyType({})
Handler = Callable[[Any, Any], Any]


class NoHandler(Exception):
    """The state machine invoked a function for which the test gave no handler."""


class InProcessAws(MotoStack):
    """The stack of a SAM template on moto in this process.

    The arguments are those of `LocalAws`, but:
    handlers: the callables that are run as functions, by logical id in the template; called with the event and
        a context in threads of this process. A handler may be exchanged at any time
        (`aws.handlers["EnrollFunction"] = …`). The functions' variables are not set: see `variables`.
    """

    def __init__(
        self,
        template: Path,
        handlers: Mapping[str, Handler],
        *,
        parameters: Mapping[str, str] = _NOTHING,
        wait_factor: float = 0.0,
    ) -> None:
        super().__init__(wait_factor)
        self.handlers = dict(handlers)
        try:
            self._start(wait_factor)
            self._stack = Provisioner(load(template, parameters), parameters, self.client)
            self.outputs = self._stack.create()
        except BaseException:
            self.close()
            raise
        names = self._stack.physical_names("AWS::Lambda::Function")
        self._logical_ids = {name: logical_id for logical_id, name in names.items()}

    def variables(self, logical_id: str) -> dict[str, str]:
        """Return the environment variables that the template gives a function."""
        names = self._stack.physical_names("AWS::Lambda::Function")
        function = self.client("lambda").get_function_configuration(FunctionName=names[logical_id])
        return dict(function.get("Environment", {}).get("Variables", {}))

    def settle(self) -> None:
        """Return when no execution is running. Raises TimeoutError."""
        states = self.client("stepfunctions")
        for machine in states.list_state_machines()["stateMachines"]:
            running = states.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")
            for execution in running["executions"]:
                self.wait(execution["executionArn"])

    def forget(self) -> None:
        """Delete what was put into the stack since it was made; to make a new one takes longer than most tests.

        Deleted are items, objects, secrets, certificates, log streams and executions; alarms and schedules stay as
        they are.
        """
        from moto.backends import get_backend
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        tables = self._stack.physical_names("AWS::DynamoDB::Table").values()
        for table in tables:
            get_backend("dynamodb")[ACCOUNT][REGION].tables[table].items.clear()
        for bucket in self._stack.physical_names("AWS::S3::Bucket").values():
            get_backend("s3")[ACCOUNT]["aws"].buckets[bucket].keys.clear()
        get_backend("secretsmanager")[ACCOUNT][REGION].secrets.clear()
        for backend in get_backend("acm")[ACCOUNT].values():
            backend._certificates.clear()
        for group in get_backend("logs")[ACCOUNT][REGION].groups.values():
            group.streams.clear()
        for machine in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines:
            machine.executions.clear()

    def _start(self, wait_factor: float) -> None:
        from moto import mock_aws

        self._operator = Clients(OPERATOR, None)
        states = Clients(STATES, None, retries=1)

        def of_states(service: str, region: str) -> Any:
            return _Functions(self._invoke) if service == "lambda" else states.client(service, region)

        self._resources.enter_context(repaired(Repairs(wait_factor, of_states, self._invoke, self.acm)))
        self._resources.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))

    def _invoke(self, moto_function: Any, event: str) -> tuple[bytes, bool]:
        function = Function.of(moto_function)
        logical_id = self._logical_ids[function.name]
        handler = self.handlers.get(logical_id)
        if handler is None:
            message = f"{logical_id} was invoked, but handlers has only {', '.join(sorted(self.handlers))}"
            raise NoHandler(message)
        context = LambdaContext(function.context(str(uuid.uuid4())))
        try:
            return json.dumps(handler(json.loads(event), context)).encode(), False
        except Exception as failure:  # noqa: BLE001 - Lambda reports every exception
            return json.dumps(error_document(failure, {})).encode(), True


@dataclass(frozen=True, slots=True)
class _Functions:
    """Lambda as Step Functions calls it, without a request to moto.

    An unknown function, and an answer of more than 6 MB, do not fail as on AWS; with `LocalAws` they do.
    """

    call: Invoke

    def invoke(self, *, FunctionName: str, Payload: bytes = b"{}") -> dict[str, Any]:  # noqa: N803
        from moto.awslambda.models import lambda_backends

        function = lambda_backends[ACCOUNT][REGION].get_function(FunctionName)
        payload, failed = self.call(function, Payload.decode())
        answer = {"StatusCode": 200, "Payload": io.BytesIO(payload)}
        return {**answer, "FunctionError": "Unhandled"} if failed else answer
