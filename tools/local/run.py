"""The whole system on this machine: the shipped template on a local AWS, SCM over HTTPS, an estate."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from cryptography import x509

from local.aws import LocalAws
from local.clients import OPERATOR
from local.estate import Estate
from local.functions.fork_server import LOCAL_HOSTS
from local.mails import PARAMETERS, verify_sender
from local.seed import Seed
from local.summary import Costs, costs_of
from local.web_servers import WebServers, stored_in
from renewal.domain.certificate.facts import Certificate
from renewal.domain.run.report import RunReport
from scm_simulator import Simulator
from scm_simulator.http.login import TOKEN_PATH
from scm_simulator.server import Server

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
QUIET_SECONDS = 390  # template.yaml's own, shortened with the waits that it is measured against
WAIT_FACTOR = 0.01
_POLL_SECONDS = 0.1
_DEFAULTS: Mapping[str, str] = MappingProxyType({})

History = dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """One execution that has ended. `report` is None when the run ended before it could write one."""

    run_id: str
    history: History = field(repr=False)
    report: RunReport | None = field(repr=False)
    seconds: float
    costs: Costs

    @property
    def status(self) -> str:
        """The execution's status in Step Functions: SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
        return str(self.history["execution"]["status"])

    @property
    def error(self) -> str:
        """The error's name when the execution failed, "" otherwise."""
        return str(self.history["execution"].get("error", ""))

    @property
    def cause(self) -> str:
        """The error's message."""
        cause = str(self.history["execution"].get("cause", ""))
        try:
            return str(json.loads(cause)["errorMessage"])
        except (ValueError, TypeError, KeyError):
            return cause


def parameters(scm_base_url: str, root_pem: str) -> dict[str, str]:
    """Return the template's parameters for the simulator at *scm_base_url*, whose CA has the roots *root_pem*."""
    return {
        "OtherScmHosts": "yes",
        "ScmUrl": scm_base_url,
        "ScmOauthUrl": scm_base_url,
        "ScmTokenUrl": scm_base_url.removesuffix("/api") + TOKEN_PATH,
        "EgressEchoUrl": "off",
        "DnsQueries": "off",
        "PrivateEndpoints": "on",
        "PrivateRoots": ",".join(fingerprints(root_pem)),
    }


def fingerprints(root_pem: str) -> list[str]:
    """Return the SHA-256 fingerprints of PEM certificates."""
    return [Certificate(root).fingerprint() for root in x509.load_pem_x509_certificates(root_pem.encode())]


def quiet(wait_factor: float) -> dict[str, str]:
    """Return the quiet period as the functions' variable, as short as *wait_factor* makes the waits around it.

    It is not set as a parameter: the template refuses a period shorter than the timeout of the enroll function.
    """
    return {"QUIET_SECONDS": str(max(1, round(QUIET_SECONDS * wait_factor)))}


class LocalSystem:
    """AWS and SCM on this machine, seeded with an estate; a context manager.

    wait_factor: multiplies every wait and every Retry interval of the state machine, and the quiet period.
    aws_port, scm_port: ports on 127.0.0.1, 0 for any free one.
    deployed_with: parameters of the template whose defaults are not wanted.
    """

    def __init__(
        self,
        estate: Estate,
        *,
        wait_factor: float = WAIT_FACTOR,
        aws_port: int = 0,
        scm_port: int = 0,
        deployed_with: Mapping[str, str] = _DEFAULTS,
    ) -> None:
        self._resources = ExitStack()
        try:
            self.simulator = Simulator(estate.world)
            self.scm = self._resources.enter_context(Server(self.simulator, port=scm_port))
            servers = self._resources.enter_context(WebServers(estate.certificates, estate.nodes))
            local = parameters(self.scm.base_url, self.simulator.root_pem)
            self._parameters = {**local, **PARAMETERS, **deployed_with}
            self.aws = self._resources.enter_context(
                LocalAws(
                    TEMPLATE,
                    parameters=self._parameters,
                    wait_factor=wait_factor,
                    port=aws_port,
                    function_environment={
                        "SSL_CERT_FILE": str(self.scm.ca_file),
                        LOCAL_HOSTS: json.dumps(servers.hosts),
                        **quiet(wait_factor),
                    },
                )
            )
            verify_sender(self.aws.client("sesv2"))
            Seed(self.aws, self.simulator).plant(estate)
            bucket, root_pem = self.aws.outputs["StoreBucket"], self.simulator.root_pem
            servers.connect(stored_in(self.aws.client("s3"), bucket, root_pem))
        except BaseException:
            self._resources.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def facts(self) -> dict[str, str]:
        """Return the stack's parameters and outputs, which commands read from CloudFormation on AWS."""
        from samtranslator.yaml_helper import yaml_parse

        declared = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]
        defaults = {name: str(parameter.get("Default", "")) for name, parameter in declared.items()}
        return {**defaults, **self._parameters, **self.aws.outputs}

    def execute(self, request: Any, watch: Callable[[History], None]) -> Finished:
        """Run the state machine once on the execution input *request*; *watch* gets the growing history."""
        started, run_id = time.monotonic(), datetime.now(UTC).strftime("local-%Y%m%dT%H%M%S%f")
        scm_before, aws_before = len(self.simulator.calls), len(self.aws.calls)
        arn = self.aws.start_execution(self.aws.outputs["StateMachineArn"], run_id, request)
        history = self._watched(arn, watch)
        seconds, report = time.monotonic() - started, self._report(run_id)
        costs = costs_of(
            report.certificates if report else (),
            self.simulator.calls[scm_before:],
            [call for call in self.aws.calls[aws_before:] if call.who != OPERATOR],
            {order.renewed_by: order.ssl_id for order in self.simulator.orders if order.renewed_by},
        )
        return Finished(run_id, history, report, seconds, costs)

    def _watched(self, arn: str, watch: Callable[[History], None]) -> History:
        """Wait for the execution's end; when the wait is interrupted, the execution is stopped."""
        try:
            while (history := self.aws.history(arn))["execution"]["status"] == "RUNNING":
                watch(history)
                time.sleep(_POLL_SECONDS)
        except BaseException:
            logging.disable(logging.CRITICAL)  # moto would log a traceback for every step whose server has stopped
            self.aws.client("stepfunctions").stop_execution(executionArn=arn)
            raise
        watch(history)
        return history

    def _report(self, run_id: str) -> RunReport | None:
        s3, key = self.aws.client("s3"), f"runs/{run_id}/report.json"
        try:
            answer = s3.get_object(Bucket=self.aws.outputs["StoreBucket"], Key=key)
        except s3.exceptions.NoSuchKey:
            return None
        return RunReport.parse(json.loads(answer["Body"].read()))
