"""The shipped state machine with the shipped handlers inside this process; SCM over real HTTPS beside it."""

from __future__ import annotations

import importlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIEnvironment

from campaign.environments import HANDLERS
from certmandate.order_book_editor import OrderBookEditor
from local.estate import Estate, load_estate
from local.functions.fork_server import resolve_locally
from local.in_process import InProcessAws
from local.mails import PARAMETERS, verify_sender
from local.run import TEMPLATE, fingerprints, parameters, quiet
from local.seed import Seed
from local.web_servers import WebServers, stored_in
from renewal import wiring
from renewal.adapters import aws as clients
from renewal.adapters.http import new_http_client
from renewal.domain.run.report import CertificateRow, RunReport
from scm_simulator import Simulator
from scm_simulator.server import Server
from scm_simulator.world.dials import Dials

ENROLL = "POST /api/ssl/v1/enroll"


@dataclass(frozen=True)
class Ended:
    """An execution that has ended, with its report when there is one."""

    execution: Mapping[str, Any]
    report: RunReport | None

    @property
    def status(self) -> str:
        return str(self.execution["status"])

    @property
    def outcomes(self) -> dict[str, str]:
        """What became of each certificate: the outcome, or the error's name."""
        assert self.report is not None, self.execution
        return {row.path: row.error or row.outcome for row in self.report.certificates}

    def row(self, path: str) -> CertificateRow:
        assert self.report is not None, self.execution
        return next(row for row in self.report.certificates if row.path == path)


@dataclass(frozen=True)
class System:
    """One estate with its AWS and its SCM."""

    aws: InProcessAws
    simulator: Simulator
    meter: Meter

    def ask(self, delegation: str, certificate: str) -> None:
        """Request a replacement as `certmandate renew --force` does."""
        OrderBookEditor(self.aws.tables).ask(delegation, certificate, "the key leaked")

    def start(self, request: Any) -> str:
        return self.aws.start_execution(self.aws.outputs["StateMachineArn"], f"run-{uuid4().hex}", request)

    def run(self, request: Any = None) -> Ended:
        return self.end(self.start({} if request is None else request))

    def end(self, arn: str) -> Ended:
        self.aws.wait(arn)
        execution = self.aws.history(arn)["execution"]
        return Ended(execution, self._report(execution["name"]))

    def orders_posted(self) -> int:
        """How often SCM was asked to enroll since it started."""
        return sum(call.operation == ENROLL for call in self.simulator.calls)

    def calls(self, operation: str) -> int:
        return sum(operation in call.operation for call in self.simulator.calls)

    def _report(self, run_id: str) -> RunReport | None:
        s3 = self.aws.client("s3")
        try:
            answer = s3.get_object(Bucket=self.aws.outputs["StoreBucket"], Key=f"runs/{run_id}/report.json")
        except s3.exceptions.NoSuchKey:
            return None
        return RunReport.parse(json.loads(answer["Body"].read()))


@dataclass
class Meter:
    """SCM, and how many calls of one account it has answered at the same time."""

    simulator: Simulator
    most: int = 0
    now: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def dials(self) -> Dials:
        """The simulator's."""
        return self.simulator.dials

    @property
    def root_pem(self) -> str:
        """The simulator's roots, which its server serves."""
        return self.simulator.root_pem

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse, /) -> Iterable[bytes]:
        account = environ.get("HTTP_LOGIN", "")
        self._count(account, 1)
        try:
            return self.simulator(environ, start_response)
        finally:
            self._count(account, -1)

    def _count(self, account: str, change: int) -> None:
        with self.lock:
            self.now[account] += change
            self.most = max(self.most, self.now[account])


@dataclass
class House:
    """One server and one stack, for all estates of a folder in turn: to make them takes longer than most tests."""

    server: Server
    aws: InProcessAws
    resources: ExitStack
    is_taken: bool = False


_houses: dict[float, House] = {}
"""By the factor of their waits; one at most, because moto's state belongs to the process."""


def _house(wait_factor: float) -> House:
    if wait_factor not in _houses:
        leave()
        with ExitStack() as resources:
            server = resources.enter_context(Server(Simulator()))
            given = parameters(server.base_url, server.roots_file.read_text()) | PARAMETERS
            aws = InProcessAws(TEMPLATE, {}, parameters=given, wait_factor=wait_factor)
            resources.enter_context(aws)
            verify_sender(aws.client("sesv2"))
            _houses[wait_factor] = House(server, aws, resources.pop_all())
    return _houses[wait_factor]


def leave() -> None:
    """Stop every server and stack: at the end of a folder, and before a test that needs a process without an AWS."""
    houses = [*_houses.values()]
    _houses.clear()
    for house in houses:
        house.resources.close()


@contextmanager
def started(folder: Path, *, wait_factor: float = 0.0) -> Iterator[System]:
    """Start the estate in *folder*, one at a time; *wait_factor* multiplies every wait, and 0 leaves them out."""
    assert not any(house.is_taken for house in _houses.values()), "another estate uses this server and stack"
    estate = load_estate(folder, datetime.now(UTC))
    simulator = Simulator(estate.world)
    house = _house(wait_factor)
    house.aws.forget()
    meter = Meter(simulator)
    house.server.switch_to(meter)
    variables = house.aws.variables("EnrollFunction") | quiet(wait_factor)
    variables |= {
        "SSL_CERT_FILE": str(house.server.ca_file),
        "PRIVATE_ROOTS": ",".join(fingerprints(simulator.root_pem)),
    }
    with (
        WebServers(estate.certificates, estate.nodes) as servers,
        patch.dict("os.environ", variables),
        new_http_client() as http,
        patch.object(wiring, "_http", lambda: http),
    ):
        house.is_taken = True
        try:
            resolve_locally(servers.hosts)
            yield _planted(house.aws, meter, estate, servers)
        finally:
            house.aws.settle()  # a run that a test leaves behind has this estate's clients, and would meet the next one
            house.is_taken = False


def _planted(aws: InProcessAws, meter: Meter, estate: Estate, servers: WebServers) -> System:
    simulator = meter.simulator
    _forget_wiring()
    aws.handlers.clear()
    aws.handlers.update({name: importlib.import_module(module).handler for name, module in HANDLERS.items()})
    Seed(aws, simulator).plant(estate)
    servers.connect(stored_in(aws.client("s3"), aws.outputs["StoreBucket"], simulator.root_pem))
    return System(aws, simulator, meter)


def _forget_wiring() -> None:
    """A new environment starts cold."""
    for made in vars(wiring).values():
        if hasattr(made, "cache_clear"):
            made.cache_clear()
    clients._clients.clear()
