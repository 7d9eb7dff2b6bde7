"""AWS inside this process: no server, no child processes; for tests that look into every step."""

from __future__ import annotations

import copy
import io
import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from local import executions
from local.clients import STATES, Clients
from local.cloudformation.provisioner import ACCOUNT, Provisioner
from local.cloudformation.template import load
from local.functions.fork_server import LambdaContext, error_document
from local.functions.pool import Function
from local.isolation import isolate
from local.moto_repairs import repaired
from local.moto_repairs.repairs import Invoke, Repairs
from local.moto_repairs.strict_acm import StrictAcm
from local.process_guard import OPERATOR, deployed_function, only_one

_NOTHING: Mapping[str, str] = MappingProxyType({})
Handler = Callable[[Any, Any], Any]


class NoHandler(Exception):
    """The state machine invoked a function for which the test gave no handler."""


class InProcessAws:
    """The stack of a SAM template on moto in this process; a context manager.

    handlers: the callables that play the functions, by logical id in the template; called with the event and
    a context
        in threads of this process. A handler may be exchanged at any time (`aws.handlers["EnrollFunction"] =
        …`).
    The functions' variables are not set: `variables` gives them, for whoever wires the handlers.
    The other arguments are `LocalAws`'s.
    """

    def __init__(
        self,
        template: Path,
        handlers: Mapping[str, Handler],
        *,
        parameters: Mapping[str, str] = _NOTHING,
        wait_factor: float = 0.0,
        region: str = "eu-west-3",
    ) -> None:
        self.region = region
        self.handlers = dict(handlers)
        self.acm = StrictAcm(wait_factor)
        self._resources = ExitStack()
        self._resources.enter_context(only_one())
        try:
            self._start(wait_factor)
            self._stack = Provisioner(load(template, parameters), parameters, self.client, region)
            self.outputs = self._stack.create()
        except BaseException:
            self.close()
            raise
        self._secrets = copy.deepcopy(self._secrets_kept())
        names = self._stack.physical_names("AWS::Lambda::Function")
        self._logical_ids = {name: logical_id for logical_id, name in names.items()}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client; a new one is as good while this lives: moto answers all of this process."""
        return self._operator.client(service, region or self.region)

    def variables(self, logical_id: str) -> dict[str, str]:
        """Return the environment variables that the template gives a function."""
        names = self._stack.physical_names("AWS::Lambda::Function")
        function = self.client("lambda").get_function_configuration(FunctionName=names[logical_id])
        return dict(function.get("Environment", {}).get("Variables", {}))

    def run(
        self,
        state_machine_arn: str,
        input: dict[str, Any],  # noqa: A002 - Step Functions' own word
        *,
        timeout_seconds: float = 60.0,
    ) -> dict[str, Any]:
        """Execute the state machine to its end; return the history (`executions`)."""
        arn = self.start_execution(state_machine_arn, str(uuid.uuid4()), input)
        executions.wait(arn, ACCOUNT, self.region, timeout_seconds)
        return self.history(arn)

    def start_execution(self, state_machine_arn: str, name: str, input: dict[str, Any]) -> str:  # noqa: A002
        """Start an execution and return its ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn, name=name, input=json.dumps(input)
        )
        return str(started["executionArn"])

    def history(self, execution_arn: str) -> dict[str, Any]:
        """Return `{"execution": {…}, "events": […], "children": […]}` of an execution (see `executions`)."""
        return executions.history(execution_arn, ACCOUNT, self.region)

    def forget(self) -> None:
        """Take away what was put into the stack since it was made; a new one takes longer than most tests.

        Items, objects, secrets, certificates, lines of logs and executions, that is. Alarms and schedules stay as they
        are.
        """
        from moto.backends import get_backend
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        tables = self._stack.physical_names("AWS::DynamoDB::Table").values()
        for table in tables:
            get_backend("dynamodb")[ACCOUNT][self.region].tables[table].items.clear()
        for bucket in self._stack.physical_names("AWS::S3::Bucket").values():
            get_backend("s3")[ACCOUNT]["aws"].buckets[bucket].keys.clear()
        self._secrets_kept().clear()
        self._secrets_kept().update(copy.deepcopy(self._secrets))
        for backend in get_backend("acm")[ACCOUNT].values():
            backend._certificates.clear()
        for group in get_backend("logs")[ACCOUNT][self.region].groups.values():
            group.streams.clear()
        for machine in stepfunctions_parser_backends[ACCOUNT][self.region].state_machines:
            machine.executions.clear()

    def _secrets_kept(self) -> Any:
        from moto.backends import get_backend

        return get_backend("secretsmanager")[ACCOUNT][self.region].secrets

    def close(self) -> None:
        """Forget all state. Closing twice does nothing."""
        self._resources.close()

    def _start(self, wait_factor: float) -> None:
        from moto import mock_aws

        isolate(self.region)
        self._operator = Clients(OPERATOR, None)
        states = Clients(STATES, None, retries=1)

        def of_states(service: str, region: str) -> Any:
            return _Functions(self._invoke, region) if service == "lambda" else states.client(service, region)

        self._resources.enter_context(repaired(Repairs(wait_factor, of_states, self._invoke, self.acm)))
        self._resources.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))

    def _invoke(self, moto_function: Any, event: str) -> tuple[bytes, bool]:
        function = deployed_function(moto_function)
        logical_id = self._logical_ids[function.name]
        handler = self.handlers.get(logical_id)
        if handler is None:
            message = f"{logical_id} was invoked, but handlers has only {', '.join(sorted(self.handlers))}"
            raise NoHandler(message)
        try:
            return json.dumps(handler(json.loads(event), context(function))).encode(), False
        except Exception as failure:  # noqa: BLE001 - whatever it is, Lambda reports it
            return json.dumps(error_document(failure, {})).encode(), True


@dataclass(frozen=True, slots=True)
class _Functions:
    """Lambda as Step Functions calls it, without a detour over HTTP that moto would answer in this process anyway.

    An unknown function, and an answer of more than 6 MB, do not fail as on AWS: for that there is `LocalAws`.
    """

    call: Invoke
    region: str

    def invoke(self, *, FunctionName: str, Payload: bytes = b"{}") -> dict[str, Any]:  # noqa: N803
        from moto.awslambda.models import lambda_backends

        function = lambda_backends[ACCOUNT][self.region].get_function(FunctionName)
        payload, failed = self.call(function, Payload.decode())
        answer = {"StatusCode": 200, "Payload": io.BytesIO(payload)}
        return {**answer, "FunctionError": "Unhandled"} if failed else answer


def context(function: Function) -> LambdaContext:
    """Return the context of one invocation."""
    return LambdaContext(
        {
            "function_name": function.name,
            "function_arn": function.arn,
            "memory_mb": function.memory_mb,
            "timeout_seconds": function.timeout_seconds,
            "request_id": str(uuid.uuid4()),
        }
    )
