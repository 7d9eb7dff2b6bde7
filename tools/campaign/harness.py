"""The shipped template, state machine and handlers with SCM's simulator, in virtual time, in this process."""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import itertools
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import parse_qs

import httpx
from botocore.retries.quota import RetryQuota

from campaign.environments import HANDLERS, Environments, Replacements
from campaign.interception.aws import intercepted_client
from campaign.interception.calls import Injection, Interception, Invocation
from campaign.interception.dns import Dns
from campaign.interception.invocations import invoked, published
from campaign.interception.network import PooledTransport
from campaign.interception.scm import RefusedLogin, ScmTransport
from campaign.run import Run
from campaign.virtual_time import START, VirtualTime
from certmandate.files.spec_writer import EstateChange, SpecWriter
from certmandate.files.specification import Specification
from certmandate.order_book_editor import OrderBookEditor
from local import executions
from local.in_process import InProcessAws
from local.run import fingerprints
from renewal.adapters import aws as product_aws
from renewal.adapters.events import RENEWED
from renewal.adapters.http import new_http_client
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.deadline import Deadline
from renewal.domain.order import CLOSED
from renewal.domain.order_search import SearchControl, SearchResult
from scm_simulator import Dials, Order, Simulator
from scm_simulator.world.world import World as ScmWorld

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
PEER = "192.0.2.7"
_PARAMETERS = {"EgressEchoUrl": "off", "PrivateEndpoints": "on"}
DAY = 86_400.0
_PATIENCE = 120.0  # seconds of real time for one execution


@dataclass
class Played:
    """State of one history, from `begin` to the next `begin`."""

    simulator: Simulator
    refusals: list[tuple[RefusedLogin, Invocation]] = field(default_factory=list)
    events: list[Mapping[str, Any]] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    """The texts of the alerts."""
    log: io.StringIO = field(default_factory=io.StringIO)
    runs: list[Run] = field(default_factory=list)
    scm_seconds: Mapping[str, float] = field(default_factory=dict)
    """How long SCM takes for an operation, `*` for any other; nothing where neither is there."""
    aws_seconds: Mapping[str, float] = field(default_factory=dict)
    """How long a service of AWS takes for a call, `*` for any other; nothing where neither is there."""
    deleted: list[Order] = field(default_factory=list)
    """Orders that SCM had until they were deleted in its portal."""
    disturbed: set[str] = field(default_factory=set)
    """Runs into which a fault was injected, or whose functions' clock was wrong."""
    dns: Dns = field(default_factory=Dns)
    read: dict[int, tuple[Any, Mapping[str, Any]]] = field(default_factory=dict)
    """What the tables held when they were read last: moto's item and its content, by the item's identity."""


def freeze_garbage_collector() -> None:
    """Exempt all present objects from garbage collection, which would cost a third of a run.

    For a process that uses one harness until it ends.
    """
    gc.collect()
    gc.freeze()


class Harness:
    """A context manager; one at a time in a process. `begin` starts a new history."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.interception = Interception(self.time)
        self.skew = timedelta(0)
        """Error of the functions' clock."""
        self._runs = itertools.count(1)
        self._resources = ExitStack()
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._clients_lock = threading.Lock()
        self._quotas: list[RetryQuota] = []
        product_aws._clients.clear()  # noqa: SLF001 - made before this AWS started
        self.played = Played(Simulator(clock=self.time))
        self.aws = InProcessAws(
            TEMPLATE,
            {name: self._handler(name) for name in HANDLERS},
            parameters=_PARAMETERS | {"PrivateRoots": ",".join(fingerprints(self.played.simulator.root_pem))},
        )
        self._resources.callback(self.aws.close)
        self._set_up()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Undo every patch and clear all state."""
        product_aws._clients.clear()  # noqa: SLF001 - their calls would still be intercepted
        self._resources.close()

    def _set_up(self) -> None:
        settings = self.aws.variables("EnrollFunction")
        self._resources.enter_context(patch.dict(os.environ, settings))
        self._seconds = self._time_limits()
        self.environments = Environments(Replacements(self._function_clock, self.client, self._transport, self._dns))
        self._resources.callback(self.environments.close)
        self.reader = DynamoDbOrderReader(self.aws.tables)
        self.editor, self._spec_writer = OrderBookEditor(self.aws.tables, clock=self.time), SpecWriter(self.aws.tables)
        virtual = SimpleNamespace(sleep=self.time.pass_seconds)
        quotas = self._quotas

        class Quota(RetryQuota):
            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, **named)
                quotas.append(self)

        retrier = sys.modules["moto.stepfunctions.parser.asl.component.common.retry.retrier_decl"]
        program = sys.modules["moto.stepfunctions.parser.asl.component.program.program"].Program
        for target, name, value in (
            (retrier, "time", virtual),
            (program, "eval", self._limited(program.eval)),
            (sys.modules["botocore.endpoint"], "time", virtual),
            # By this clock idle connections are aged; while an environment is frozen it may not advance.
            (sys.modules["httpcore._sync.http11"], "time", SimpleNamespace(monotonic=lambda: 0.0)),
            (sys.modules["moto.acm.models"], "utcnow", lambda: self.time().replace(tzinfo=None)),
            (sys.modules["botocore.retries.quota"], "RetryQuota", Quota),
        ):
            self._resources.enter_context(patch.object(target, name, value))

    def _time_limits(self) -> dict[str, float]:
        """Seconds after which Lambda kills each function, from template.yaml."""
        functions = self.aws.client("lambda").list_functions()["Functions"]
        return {
            logical_id: next(float(item["Timeout"]) for item in functions if item["FunctionName"].endswith(logical_id))
            for logical_id in HANDLERS
        }

    # ---- A history ---------------------------------------------------------------------------------------------------

    def begin(
        self,
        world: ScmWorld,
        specifications: Sequence[Specification],
        credentials: Mapping[str, Mapping[str, str]],
        dials: Dials | None = None,
    ) -> Played:
        """Clear all state; then apply *specifications* and store *credentials*."""
        self._forget()
        authority = self.played.simulator._state.authority  # noqa: SLF001 - its keys cost 100 ms
        self.played = Played(Simulator(world, dials=dials, clock=self.time))
        self.played.simulator._state.authority = authority  # noqa: SLF001
        for module in self.environments.modules.values():
            module.logger.registered_handler.setStream(self.played.log)
        for specification in specifications:
            self.apply(specification)
        for delegation, document in credentials.items():
            self.store_credential(delegation, document)
        return self.played

    def apply(self, specification: Specification) -> None:
        """Write the specs of one delegation, as `certmandate apply` does."""
        self._spec_writer.write(EstateChange.of(specification), self.time())

    def prove_search(self, delegation: str, department_id: int) -> None:
        """Record that an earlier order of the delegation was found by a search, one second after its POST."""
        now = self.time()
        posted = now - timedelta(seconds=1)
        control = SearchControl("earlier", "earlier", ("earlier.example",), department_id, 1, posted, posted, now)
        DynamoDbOrderTransitions(self.aws.tables).record_search(delegation, control, SearchResult(1, "commonName"))

    def close_order(self, delegation: str, certificate: str) -> int | None:
        """Close an open order as `certmandate close-order` does; return its SSL ID, None when there is none."""
        if order := self.reader.certificate(delegation, certificate).order:
            DynamoDbOrderTransitions(self.aws.tables).fail(order, CLOSED, "runbook", self.time(), hold_until=None)
            return order.ssl_id
        return None

    def store_credential(self, delegation: str, document: Mapping[str, str]) -> None:
        """Store a credential as an operator does: a new secret, or a new version of it."""
        secrets, name = self.aws.client("secretsmanager"), f"{self.aws.outputs['SecretPrefix']}/{delegation}"
        try:
            secrets.create_secret(Name=name, SecretString=json.dumps(document))
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, SecretString=json.dumps(document))

    def _forget(self) -> None:
        self.aws.forget()
        self.time.set(START)
        self.skew = timedelta(0)
        self.interception.forget()
        self.environments.forget()
        for quota in self._quotas:
            vars(quota)["_available_capacity"] = vars(quota)["_max_capacity"]  # as in a new process

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def next_run_id(self) -> str:
        """Return the name of the next execution."""
        return f"run-{next(self._runs)}"

    def run(self, run_id: str = "", **request: Any) -> Run:
        """Run the state machine to its end."""
        name = run_id or self.next_run_id()
        if self.skew:
            self.played.disturbed.add(name)
        before = self.played.log.tell()
        with contextlib.redirect_stdout(self.played.log):
            arn = self.aws.start_execution(self.aws.outputs["StateMachineArn"], name, request)
            executions.wait(arn, _PATIENCE)
        described = self.aws.client("stepfunctions").describe_execution(executionArn=arn)
        written = self.played.log.getvalue()[before:]
        is_narrowed = bool({"certificates", "delegations"} & request.keys())
        error, document = described.get("error", ""), self.document(name)
        run = Run(name, described["status"], error, published(written), document, self.time(), is_narrowed)
        self.played.runs.append(run)
        return run

    def order_again(self, delegation: str, certificate: str) -> Run:
        """Permit one POST and run, as `certmandate renew --order-again` does."""
        self.editor.permit_order_again(self.reader.certificate(delegation, certificate), "runbook")
        return self.run(certificates=[f"{delegation}/{certificate}"], reason="runbook")

    def run_with(self, injection: Injection, **request: Any) -> Run:
        """Run the state machine to its end with a fault injected."""
        injection.run_id = self.next_run_id()
        self.interception.injection = injection
        self.played.disturbed.add(injection.run_id)
        run = self.run(injection.run_id, **request)
        self.interception.injection = None
        return run

    def concurrent_run(self) -> None:
        """Run the state machine once, without a fault, while another run waits."""
        injection, self.interception.injection = self.interception.injection, None
        self.run()
        self.interception.injection = injection

    def daily_run(self, **request: Any) -> Run:
        """Let a day pass, and run."""
        with contextlib.redirect_stdout(self.played.log):  # a late effect may log
            self.time.pass_seconds(DAY)
        return self.run(**request)

    @functools.cached_property
    def machine(self) -> Any:
        """The definition of the deployed state machine."""
        states, arn = self.aws.client("stepfunctions"), self.aws.outputs["StateMachineArn"]
        return json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])

    def history(self, run_id: str) -> dict[str, Any]:
        """Return the execution's history, children included."""
        machine = self.aws.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
        return self.aws.history(f"{machine}:{run_id}")

    def document(self, run_id: str) -> Mapping[str, Any] | None:
        """Return the run's report.json, None when there is none."""
        s3 = self.aws.client("s3")
        try:
            answer = s3.get_object(Bucket=self.aws.outputs["StoreBucket"], Key=f"runs/{run_id}/report.json")
        except s3.exceptions.NoSuchKey:
            return None
        document: Mapping[str, Any] = json.loads(answer["Body"].read())
        return document

    # ---- What the functions call -------------------------------------------------------------------------------------

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the product's own client, with its own time-outs and attempts, intercepted."""
        with self._clients_lock:
            if (service, region) not in self._clients:
                client = product_aws.client(service, region)
                self._clients[service, region] = intercepted_client(
                    client, self.interception, self._observe, self._aws_seconds
                )
            return self._clients[service, region]

    def _handler(self, logical_id: str) -> Callable[[Any, Any], Any]:
        def invoke(event: Any, context: Any) -> Any:
            name, seconds = HANDLERS[logical_id], self._seconds[logical_id]
            return invoked(
                self.interception, name, seconds, event, lambda: self.environments.play(name, event, context)
            )

        return invoke

    def _limited(self, original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Count TimeoutSeconds of an execution in virtual time."""

        def evaluate(program: Any, env: Any) -> None:
            if program.timeout_seconds:
                seconds = program.timeout_seconds.timeout_seconds
                self.time.later(seconds, lambda: env.set_timed_out() if env.is_running() else None)
            original(program, env)

        return evaluate

    def _function_clock(self) -> datetime:
        return self.time() + self.skew

    def _transport(self) -> ScmTransport:
        simulator = self.played.simulator
        network: httpx.BaseTransport = httpx.WSGITransport(app=simulator, remote_addr=PEER)
        if self.interception.forgets_idle:
            network = PooledTransport(new_http_client(), network, self.time)
        return ScmTransport(self.interception, simulator.dials, network, self.played.refusals, self._scm_seconds)

    def _dns(self, name: str, deadline: Deadline) -> tuple[str, ...] | None:
        return self.played.dns(name, deadline)

    def _scm_seconds(self, operation: str) -> float:
        seconds = self.played.scm_seconds
        return seconds.get(operation, seconds.get("*", 0.0))

    def _aws_seconds(self, service: str) -> float:
        seconds = self.played.aws_seconds
        return seconds.get(service, seconds.get("*", 0.0))

    def _observe(self, service: str, operation: str, body: Any) -> None:
        if (service, operation) == ("events", "PutEvents"):
            entries = [entry for entry in json.loads(body)["Entries"] if entry["DetailType"] == RENEWED]
            self.played.events += [json.loads(entry["Detail"]) for entry in entries]
        if (service, operation) == ("sns", "Publish"):
            self.played.alerts += parse_qs(body)["Message"]
