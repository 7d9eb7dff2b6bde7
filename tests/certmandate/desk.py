"""The operator's commands, against the shipped stack in this process and the simulator over HTTPS."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import typer.testing
from jsonschema import Draft202012Validator
from typer.main import get_command
from typer.testing import CliRunner, Result

from certmandate import execution
from certmandate.cli import app
from certmandate.files.operator_records import OperatorReader
from local.run import parameters
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.setup.inspection import Inspection
from tests.certmandate.audit.operations import Operation, changes, operations, session, unrecorded
from tests.workflow.conftest import write_estate
from tests.workflow.system import System, started

COMMAND = get_command(app)
"""The click command of `app`; typer's CliRunner would build it for each invocation."""

CANARY = "Canary-in-the-mine-1"
"""A password that must be in no output."""

SCHEMAS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "schemas" / "certmandate.json").read_text(encoding="utf-8")
)

PAST = (
    "  - {{label: univ/{name}, department: 7, names: [{name}.univ.example], profile: 1, term_days: 199, "
    "issued_days_ago: {age}}}\n"
)
OPEN_ORDER = """\
certificates:
  - label: univ/idp
    department: 7
    names: [idp.univ.example]
    profile: 1
    term_days: 199
    issued_days_ago: 1
    status: Applied
"""


@cache
def validator(name: str) -> Draft202012Validator:
    """Return a validator for what a command prints with --json."""
    assert name in SCHEMAS["$defs"], f"docs/schemas/certmandate.json has no {name}"
    return Draft202012Validator({**SCHEMAS, "$ref": f"#/$defs/{name}"})


IDENTITY = "AWS account ", "On this machine: "
"""How the line begins that names the stack."""


@dataclass(frozen=True)
class Desk:
    """Runs commands; `folder` holds the delegation files that were applied."""

    system: System
    folder: Path
    made: list[Operation] = field(default_factory=list)
    """The calls of AWS that the last command made."""

    def run(self, *arguments: object, stdin: str = "") -> Result:
        """Run one command; its output must not contain the canary.

        What changes something has a row, and has printed first which stack it changes (fault N5).
        """
        line = [str(argument) for argument in arguments]
        with (
            patch.object(typer.testing, "_get_command", lambda _: COMMAND),
            patch.object(boto3, "Session", session),
            operations() as made,
        ):
            result = CliRunner().invoke(app, line, input=stdin, env={"COLUMNS": "200"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.made[:] = made
        assert CANARY not in result.output
        assert not unrecorded(made), f"{line}: no row of the audit trail for {unrecorded(made)}"
        assert not changes(made) or result.stderr.startswith(IDENTITY), f"{line} changed a stack that it did not name"
        return result

    def refused(self, *arguments: object, stdin: str = "", code: int = 2) -> str:
        """Run a command that exits with *code*; return its error without line breaks."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == code, result.output
        return " ".join(result.stderr.split())

    def document(self, *arguments: object, stdin: str = "") -> Any:
        """Run one command with --json; return the document."""
        result = self.run(*arguments, "--json", stdin=stdin)
        document = json.loads(_without_metrics(result.stdout))
        name = "-".join(map(str, arguments[:2])) if arguments[0] in {"audit", "local"} else str(arguments[0])
        validator("error" if "exit_code" in document else name).validate(document)
        return document

    @property
    def book(self) -> OperatorReader:
        return OperatorReader(self.system.aws.tables)

    def record_inspection(self, delegation: str, inspection: Inspection) -> None:
        """Write the inspection that a run left."""
        DynamoDbOrderTransitions(self.system.aws.tables).record_inspection(delegation, inspection)

    def certificate(self, name: str) -> ManagedCertificate:
        return self.book.certificate("univ", name)

    def stored(self, name: str) -> StoredCertificate:
        """Return the certificate that is stored."""
        stored = self.certificate(name).stored
        assert stored
        return stored

    def pem(self, name: str, file: str = "fullchain") -> bytes:
        """Return a file of the stored certificate in S3."""
        key = f"certificates/univ/{name}/{self.stored(name).serial}/{file}.pem"
        s3 = self.system.aws.client("s3")
        content: bytes = s3.get_object(Bucket=self.system.aws.outputs["StoreBucket"], Key=key)["Body"].read()
        return content

    def forget(self, name: str, *, keeps_trail: bool = False) -> StoredCertificate:
        """Delete the stored certificate from the record, and its orders from the audit trail; the stores keep it.

        As if another program had stored it; with *keeps_trail*, as after a restore.
        """
        stored, client, outputs = self.stored(name), self.system.aws.client("dynamodb"), self.system.aws.outputs
        client.update_item(
            TableName=outputs["OrdersTable"],
            Key={"delegation": {"S": "univ"}, "item": {"S": f"certificate#{name}"}},
            UpdateExpression="REMOVE served",
        )
        for row in [] if keeps_trail else client.scan(TableName=outputs["AuditTable"])["Items"]:
            if row["item"]["S"].startswith(f"finished#{name}#"):
                key = {member: row[member] for member in ("delegation", "item")}
                client.delete_item(TableName=outputs["AuditTable"], Key=key)
        return stored

    def secret(self, delegation: str = "univ") -> dict[str, str]:
        client = self.system.aws.client("secretsmanager")
        document: dict[str, str] = json.loads(
            client.get_secret_value(SecretId=f"certmandate/{delegation}")["SecretString"]
        )
        return document

    def store_wrong_password(self) -> None:
        """Store a mistyped password."""
        document = json.dumps({**self.secret(), "password": CANARY})
        client = self.system.aws.client("secretsmanager")
        client.put_secret_value(SecretId="certmandate/univ", SecretString=document)

    @property
    def file(self) -> Path:
        return self.folder / "univ.yaml"

    def rewrite(self, old: str, new: str) -> None:
        """Edit the delegation file."""
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")


def _without_metrics(text: str) -> str:
    """Remove the log lines of the functions, which run in this process and share its standard output."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(('{"_aws"', '{"level"')))


@contextmanager
def seated(folder: Path, *certificates: str, scm: str = "dials: {issuance_polls: 0}\n") -> Iterator[Desk]:
    """Start an estate of one delegation, `univ`. `name:20` was issued 20 days ago, a plain `name` never."""
    names = [label.partition(":")[0] for label in certificates]
    past = [PAST.format(name=name, age=age) for name, _, age in (label.partition(":") for label in certificates) if age]
    issued = "certificates:\n" + "".join(past) if past else ""
    estate = write_estate(folder, *names, scm=scm + issued)
    with started(estate) as system, operated(system, folder / "delegations") as desk:
        yield desk


@contextmanager
def operated(system: System, folder: Path) -> Iterator[Desk]:
    """Let the commands find *system*; *folder* has the delegation files that were applied."""
    system.aws.handlers["RotatePasswordFunction"] = lambda _event, _context: None
    defaults = {
        "OperatorWorkingDays": "1",
        "RaoWorkingDays": "10",
        "OrdersPerDelegation": "30",
        "OrdersPerRun": "500",
        "DueSharePercent": "40",
    }
    facts = {**parameters(os.environ["SCM_URL"], system.simulator.root_pem), **defaults, **system.aws.outputs}
    outputs = {"CERTMANDATE_OUTPUTS": json.dumps(facts)}
    with patch.dict(os.environ, outputs), patch.object(execution, "_FIRST_PAUSE", 0.05):
        yield Desk(system, folder)
