"""Both templates deployed by `make deploy` on the emulator, and a run for one certificate."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certmandate.files.spec_writer import EstateChange, SpecWriter
from gate.asl.state_machine import parsed
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.table import OrderTables
from renewal.domain.delegation import CertificateSpec, Delegation
from scm_simulator.world.world import Account, Department, Domain, Organisation, Profile, World
from stack.deploy import change_sets
from stack.rehearsal.emulator import REGION, Emulator

ROOT = Path(__file__).resolve().parents[3]
STACK, NETWORK = "certmandate", "certmandate-network"
_CERTIFICATE = "portal"
_LOGIN, _PASSWORD = "drao", "An-example-password-1"
_RUN_SECONDS = 60.0


def world() -> World:
    """Return SCM's side of the estate."""
    department = Department(1101, "Delegated services", (Domain("*.univ.example"),))
    account = Account(_LOGIN, _PASSWORD, "nren", departments=(1101,))
    organisation = Organisation(1001, "University", departments=(department,))
    return World((organisation,), (account,), (Profile(31, "OV", (46, 99, 199)),))


def prepare(build: Path, packages: Path, target: Path) -> Path:
    """Copy what `sam build` made, with the layer for this machine and the definition as JSON; return the template.

    ministack reads no definition in YAML. AWS does, and the first half of the rehearsal, too.
    """
    shutil.copytree(build, target)
    shutil.rmtree(target / "Dependencies" / "python")
    shutil.copytree(packages, target / "Dependencies" / "python")
    template = target / "template.yaml"
    text = template.read_text(encoding="utf-8")
    (source,) = re.findall(r"DefinitionUri: (\S+)", text)
    definition = parsed((build / source).read_text(encoding="utf-8"))
    (target / "renewal.json").write_text(json.dumps(definition), encoding="utf-8")
    template.write_text(text.replace(source, "renewal.json"), encoding="utf-8")
    return template


def deploy_network(aws: Emulator) -> Mapping[str, str]:
    """Deploy the network with `make`, check that a change of zone is refused, and return its outputs.

    Raises RuntimeError with the output of `make`.
    """
    parameters = {"WithStandbyAddress": "true"}
    outputs = _deployed(aws, _make_network(parameters), NETWORK, parameters)
    other_zone = _make_network(
        {"AvailabilityZone": f"{REGION}b"}
    )  # replaces the gateway while the old one holds the address
    done = _called(aws, other_zone)
    left = change_sets(aws.client("cloudformation"), NETWORK)
    if not done.returncode or "Gateway holds the address" not in done.stderr or left:
        msg = f"moving the gateway was not refused: {done.stdout[-800:]} {done.stderr[-800:]}, change sets left: {left}"
        raise RuntimeError(msg)
    return outputs


def _make_network(parameters: Mapping[str, str]) -> list[str]:
    return ["make", "--silent", "deploy-network", f"PARAMETERS={_quoted(parameters)}", "OPTIONS=--yes"]


def _called(aws: Emulator, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {**aws.environment, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def _deployed(aws: Emulator, command: Sequence[str], stack: str, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Run a command that deploys, check the parameters of the stack, and return its outputs. Raises RuntimeError."""
    done = _called(aws, command)
    if done.returncode or f"{stack}: done" not in done.stdout:
        msg = f"{' '.join(command)} failed: {done.stderr[-800:]} {aws.log.read_text(errors='replace')[-800:]}"
        raise RuntimeError(msg)
    (made,) = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    actual = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in made["Parameters"]}
    if wrong := [f"{name}={actual.get(name)}" for name, value in parameters.items() if actual.get(name) != value]:
        msg = f"{stack} has other values than were given: {', '.join(wrong)}"
        raise RuntimeError(msg)
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


def _quoted(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in parameters.items())


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack on the emulator."""

    aws: Emulator
    outputs: Mapping[str, str]

    @classmethod
    def by_make_deploy(cls, aws: Emulator, template: Path, parameters: Mapping[str, str]) -> Deployed:
        """Deploy with the command of `make deploy`, confirmed. Raises RuntimeError with its output."""
        command = [sys.executable, "-m", "stack.deploy", "application", "--stack", STACK, "--template", str(template)]
        command += ["--parameters", _quoted(parameters), "--yes"]
        return cls(aws, _deployed(aws, command, STACK, parameters))

    def physical(self, logical_id: str) -> str:
        """Return the name that CloudFormation gave to a resource of the stack."""
        resources = self.aws.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        (found,) = [str(row["PhysicalResourceId"]) for row in resources if row["LogicalResourceId"] == logical_id]
        return found

    @property
    def _tables(self) -> OrderTables:
        return OrderTables.of(self.aws.client("dynamodb"), self.outputs["OrdersTable"], self.outputs["AuditTable"])

    def set_up(self) -> None:
        """Store the credential, and apply a delegation with one certificate that is stored in S3 only."""
        secret = {"login": _LOGIN, "password": _PASSWORD, "customer_uri": "nren"}
        name = f"{self.outputs['SecretPrefix']}/univ"
        self.aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(secret))
        specs = (CertificateSpec("univ", _CERTIFICATE, (f"{_CERTIFICATE}.univ.example",), 31),)
        delegation = Delegation("univ", "University", 1101, ("*.univ.example",))
        writer = SpecWriter(self._tables)
        writer.write(EstateChange((delegation,), specs), datetime.now(UTC))

    def run(self, run_id: str) -> bool:
        """Run for the certificate; return whether this run stored it, inspected its delegation and wrote a report."""
        workflow = self.aws.client("stepfunctions")
        arn = workflow.start_execution(
            stateMachineArn=self.outputs["StateMachineArn"],
            name=run_id,
            input=json.dumps({"certificates": [f"univ/{_CERTIFICATE}"]}),
        )["executionArn"]
        deadline = time.monotonic() + _RUN_SECONDS
        while workflow.describe_execution(executionArn=arn)["status"] == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.05)
        book = DynamoDbOrderReader(self._tables)
        inspection, rows = book.delegation("univ").inspection, book.history("univ", _CERTIFICATE)
        return (
            any(row.status == "stored" and row.run_id == run_id for row in rows)
            and inspection is not None
            and inspection.run_id == run_id
            and self._has(f"runs/{run_id}/report.json")
        )

    def _has(self, key: str) -> bool:
        listed: dict[str, Any] = self.aws.client("s3").list_objects_v2(Bucket=self.outputs["StoreBucket"], Prefix=key)
        return bool(listed["KeyCount"])
