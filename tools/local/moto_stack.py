"""One stack of a SAM template on moto: what its two forms, over HTTP and inside this process, have in common."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from local import executions
from local.clients import Clients
from local.cloudformation.parameters import ACCOUNT, REGION
from local.isolation import isolate
from local.moto_repairs.strict_acm import StrictAcm
from renewal.adapters.order_book.table import OrderTables

_running = threading.Lock()


class AlreadyRunning(RuntimeError):
    """moto's state belongs to the process: two stacks in one process would share it."""


@contextmanager
def _only_one() -> Iterator[None]:
    """Refuse a second local AWS in this process; at the end reset moto, whose state outlives a server."""
    if not _running.acquire(blocking=False):
        message = "another LocalAws or InProcessAws runs in this process: close it first"
        raise AlreadyRunning(message)
    try:
        yield
    finally:
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()
        _running.release()


class MotoStack:
    """A stack that exists until `close`; a context manager. Raises AlreadyRunning when the process has another.

    acm: ACM's rules, which may be changed at any time.
    outputs: the outputs of the stack, by name.
    """

    outputs: dict[str, str]
    _operator: Clients

    def __init__(self, wait_factor: float) -> None:
        self.acm = StrictAcm(wait_factor)
        self._resources = ExitStack()
        self._resources.enter_context(_only_one())
        isolate(REGION)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the operator's boto3 client."""
        return self._operator.client(service, region or REGION)

    @property
    def tables(self) -> OrderTables:
        """The order book's tables, for the operator."""
        return OrderTables.of(self.client("dynamodb"), self.outputs["OrdersTable"], self.outputs["AuditTable"])

    def run(
        self,
        state_machine_arn: str,
        input: dict[str, Any],  # noqa: A002 - Step Functions' own term
        *,
        timeout_seconds: float = 60.0,
    ) -> dict[str, Any]:
        """Execute the state machine to its end; return the history. Raises TimeoutError."""
        arn = self.start_execution(state_machine_arn, f"run-{uuid.uuid4()}", input)
        self.wait(arn, timeout_seconds)
        return self.history(arn)

    def start_execution(self, state_machine_arn: str, name: str, input: dict[str, Any]) -> str:  # noqa: A002
        """Start an execution and return its ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn, name=name, input=json.dumps(input)
        )
        return str(started["executionArn"])

    def wait(self, execution_arn: str, timeout_seconds: float = 60.0) -> None:
        """Return when an execution has ended. Raises TimeoutError."""
        executions.wait(execution_arn, timeout_seconds)

    def history(self, execution_arn: str) -> dict[str, Any]:
        """Return `{"execution": {…}, "events": […], "children": […]}` of an execution (see `executions`)."""
        return executions.history(execution_arn)

    def stored(self, prefix: str) -> dict[str, bytes]:
        """Return the objects of the store bucket below *prefix*, by key; by requests, thousands would take a minute."""
        from moto.s3.models import s3_backends

        backend = s3_backends[ACCOUNT]["aws"]
        found, *_ = backend.list_objects(backend.get_bucket(self.outputs["StoreBucket"]), prefix, None, None, None)
        return {key.name: key.value for key in found}

    def close(self) -> None:
        """End what belongs to the stack and delete all state. Closing twice does nothing."""
        self._resources.close()
