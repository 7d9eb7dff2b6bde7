"""The template deployed by `make deploy` onto the second AWS, and an estate of certificates never ordered before."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gate.definition import parsed
from renewal.adapters.order_book import DynamoDbOrderBook
from renewal.adapters.order_book_editor import OrderBookEditor
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.specification import Specification
from scm_simulator.world import Account, Department, Domain, Organisation, Profile, World
from stack.rehearsal_emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
STACK = "certmandate"
CERTIFICATES = 60
"""One for each run: a run that was made to fail leaves its certificate behind, and the next takes another."""
_LOGIN, _PASSWORD = "drao", "An-example-password-1"
_RUN_SECONDS = 60.0


def world() -> World:
    """Return SCM's side of the estate."""
    department = Department(1101, "Delegated services", (Domain("*.univ.example"),))
    account = Account(_LOGIN, _PASSWORD, "nren", departments=(1101,))
    organisation = Organisation(1001, "University", departments=(department,))
    return World((organisation,), (account,), (Profile(31, "OV", (46, 99, 199)),))


def prepared(build: Path, packages: Path, target: Path) -> Path:
    """Copy what `sam build` made, with the layer for this machine and the definition as JSON; return the template.

    ministack reads no definition in YAML. AWS does, and part one of the rehearsal, too.
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


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack on the emulator."""

    aws: Emulator
    outputs: Mapping[str, str]

    @classmethod
    def by_make_deploy(cls, aws: Emulator, template: Path, parameters: Mapping[str, str]) -> Deployed:
        """Deploy it as a person would: `make deploy`, with a yes. Raises RuntimeError with what was said."""
        given = " ".join(f"{name}={value}" for name, value in parameters.items())
        done = subprocess.run(
            [
                *(sys.executable, "-m", "stack.deploy", "application", "--stack", STACK),
                *("--template", str(template), "--parameters", given, "--yes"),
            ],
            env={**aws.environment, "SAM_CLI_TELEMETRY": "0"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or f"{STACK}: done" not in done.stdout:
            msg = f"make deploy failed: {done.stderr[-800:]} {aws.log.read_text(errors='replace')[-800:]}"
            raise RuntimeError(msg)
        (stack,) = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return cls(aws, {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]})

    def physical(self, logical_id: str) -> str:
        """Return the name that CloudFormation gave to a resource of the stack."""
        resources = self.aws.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        (found,) = [str(one["PhysicalResourceId"]) for one in resources if one["LogicalResourceId"] == logical_id]
        return found

    def plant(self) -> None:
        """Store the credential, and apply a delegation of certificates that go to S3 only."""
        secret = {"login": _LOGIN, "password": _PASSWORD, "customer_uri": "nren"}
        name = f"{self.outputs['SecretPrefix']}/univ"
        self.aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(secret))
        specs = tuple(CertificateSpec("univ", f"c{one}", (f"c{one}.univ.example",), 31) for one in range(CERTIFICATES))
        delegation = Delegation("univ", "University", 1101, ("*.univ.example",))
        editor = OrderBookEditor(self.aws.client("dynamodb"), self.outputs["OrdersTable"])
        editor.apply(Specification(delegation, specs), datetime.now(UTC))

    def run(self, run_id: str, certificate: str) -> bool:
        """Run for one certificate; return whether this run stored, inspected and reported it.

        The execution's own end says nothing: ministack knows no ResultWriter, so that every report lacks its results.
        """
        workflow = self.aws.client("stepfunctions")
        arn = workflow.start_execution(
            stateMachineArn=self.outputs["StateMachineArn"],
            name=run_id,
            input=json.dumps({"certificates": [f"univ/{certificate}"]}),
        )["executionArn"]
        deadline = time.monotonic() + _RUN_SECONDS
        while workflow.describe_execution(executionArn=arn)["status"] == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.05)
        book = DynamoDbOrderBook(self.aws.client("dynamodb"), self.outputs["OrdersTable"])
        inspection, rows = book.delegation("univ").inspection, book.history("univ", certificate)
        return (
            any(row.status == "stored" and row.run_id == run_id for row in rows)
            and inspection is not None
            and inspection.run_id == run_id
            and self._has(f"runs/{run_id}/report.json")
        )

    def _has(self, key: str) -> bool:
        listed: dict[str, Any] = self.aws.client("s3").list_objects_v2(Bucket=self.outputs["StoreBucket"], Prefix=key)
        return bool(listed["KeyCount"])
