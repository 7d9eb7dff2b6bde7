"""The deployed stack that commands work on: found by its name, or by the exports of `certmandate local up`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from certmandate.exit import DeploymentMissing, Refused, aws_errors, aws_unreachable, exit_on_error, usable_environment
from certmandate.views.printing import print_line, printer
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.limits import Limits

if TYPE_CHECKING:
    from certmandate.audit.seals import SealedTrails
    from certmandate.estate_changes import Stored
    from certmandate.files.action_recorder import ActionRecorder
    from certmandate.files.operator_records import OperatorReader
    from certmandate.files.spec_writer import SpecWriter
    from certmandate.order_book_editor import OrderBookEditor
    from renewal.adapters.acm import Acm
    from renewal.adapters.keys import KmsSigner
    from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
    from renewal.adapters.order_book.table import OrderTables

OUTPUTS_VARIABLE = "CERTMANDATE_OUTPUTS"
"""JSON object of the stack's outputs and parameters, in place of CloudFormation: `certmandate local up` exports it."""
DEFAULT_STACK = "certmandate"
_WHERE = (
    "Pass the stack's name with --stack, its account and region with --profile and --region; or start "
    "`certmandate local up` and set its exports"
)
_ARN_PARTS = 6
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Where the stack is. The values of `--profile`, `--region` and `--stack`; None: not given."""

    profile: str | None = None
    region: str | None = None
    stack: str | None = None


@dataclass(frozen=True)
class Deployment:
    """One stack: its outputs and parameters, and clients of the account that it is in."""

    session: Any = field(repr=False)
    facts: Mapping[str, str]
    """Outputs and parameters by name; an output wins."""
    stack: str = DEFAULT_STACK
    """Its name; the names of its alarms begin with it."""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def fact(self, name: str) -> str:
        """Return an output or parameter. Raises DeploymentMissing."""
        if name not in self.facts:
            msg = (
                f"stack '{self.stack}' has no output {name}: deploy this version of template.yaml (make deploy), "
                "or pass another stack with --stack"
            )
            raise DeploymentMissing(msg)
        return self.facts[name]

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a client for the stack's region, or for *region*; created when first needed."""
        from renewal.adapters.aws import config_of

        key = service, region or self.region
        if key not in self._clients:
            with usable_environment():
                self._clients[key] = self.session.client(service, region_name=key[1], config=config_of(service))
        return self._clients[key]

    def run_object(self, name: str) -> bytes | None:
        """Return the object `runs/<name>` of the store bucket; None when there is none."""
        from renewal.adapters.runs import MOST_BYTES

        s3 = self.client("s3")
        try:
            answer = s3.get_object(Bucket=self.fact("StoreBucket"), Key=f"runs/{name}")
        except s3.exceptions.NoSuchKey:
            return None
        content: bytes = answer["Body"].read(MOST_BYTES)  # a longer object is cut, and is then not valid JSON
        return content

    @cached_property
    def region(self) -> str:
        """Where the stack is deployed."""
        return _region_in(self.fact("StateMachineArn"))

    @property
    def identity(self) -> str:
        """Which stack this is, in one line: account, region and name, or that it runs on this machine."""
        if self.is_local:
            return "On this machine: `certmandate local up`."
        return f"AWS account {self.account}, region {self.region}, stack {self.stack}."

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        return urlsplit(self.client("dynamodb").meta.endpoint_url).hostname in _LOOPBACK

    @cached_property
    def account(self) -> str:
        """The AWS account in which the stack is deployed."""
        return self.fact("StateMachineArn").split(":")[4]

    @cached_property
    def tables(self) -> OrderTables:
        """The order book's tables."""
        from renewal.adapters.order_book.table import OrderTables

        return OrderTables.of(self.client("dynamodb"), self.fact("OrdersTable"), self.fact("AuditTable"))

    @cached_property
    def book(self) -> OperatorReader:
        """The order book, to read."""
        from certmandate.files.operator_records import OperatorReader

        return OperatorReader(self.tables)

    @cached_property
    def audit_trails(self) -> DynamoDbAuditTrails:
        """The audit trails."""
        from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails

        return DynamoDbAuditTrails(self.tables.audit)

    @cached_property
    def seals(self) -> SealedTrails:
        """The sealed audit trails."""
        from certmandate.audit.seals import SealedTrails

        return SealedTrails(self.client("s3"), self.fact("AuditBucket"))

    @cached_property
    def audit_signer(self) -> KmsSigner:
        """The key that signs seals; only the function seal_audit may sign with it."""
        from renewal.adapters.keys import KmsSigner

        return KmsSigner(self.client("kms"), self.fact("AuditKeyArn"))

    @cached_property
    def recorder(self) -> ActionRecorder:
        """The audit trail, to add what is done outside the order book."""
        from certmandate.files.action_recorder import ActionRecorder

        return ActionRecorder(self.tables, self.operator)

    @cached_property
    def editor(self) -> OrderBookEditor:
        """The order book, to change what the operator may change of status."""
        from certmandate.order_book_editor import OrderBookEditor

        return OrderBookEditor(self.tables, self.operator)

    @cached_property
    def spec_writer(self) -> SpecWriter:
        """The order book, to write specs."""
        from certmandate.files.spec_writer import SpecWriter

        return SpecWriter(self.tables, self.operator)

    @cached_property
    def acm(self) -> Acm:
        """ACM in any region."""
        from renewal.adapters.acm import Acm

        return Acm(lambda region: self.client("acm", region))

    @cached_property
    def acting_times(self) -> ActingTimes:
        """How long acting takes, as the stack's parameters have it."""
        return ActingTimes(int(self.fact("OperatorWorkingDays")), int(self.fact("RaoWorkingDays")))

    @cached_property
    def limits(self) -> Limits:
        """How much one run may order, as the stack's parameters have it."""
        caps = int(self.fact("OrdersPerDelegation")), int(self.fact("OrdersPerRun"))
        return Limits(*caps, int(self.fact("DueSharePercent")) / 100)

    @cached_property
    def operator(self) -> str:
        """The ARN of who runs the command, for the audit trail."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    def secret_name(self, delegation: str) -> str:
        """Return the name of the delegation's secret in Secrets Manager."""
        return f"{self.fact('SecretPrefix')}/{delegation}"


@contextmanager
def deployed(context: typer.Context) -> Iterator[Deployment]:
    """Find the stack of the command's options; print errors and end with their exit code, as `exit_on_error` does."""
    with exit_on_error():
        yield find(context.obj)


@contextmanager
def to_change(context: typer.Context) -> Iterator[Deployment]:
    """Find the stack as `deployed` does, and print first, on standard error, which one is about to be changed."""
    with deployed(context) as deployment:
        print_line(deployment.identity, style="dim", to_stderr=True)
        yield deployment


def read_stored(deployment: Deployment) -> Stored:
    """Read every delegation and certificate of the order book that can be read."""
    from certmandate.estate_changes import Stored

    with printer(to_stderr=True).status("Reading the order book …"):
        delegations, certificates = deployment.book.everything()
    return Stored(
        {record.delegation.name: record for record in delegations},
        {certificate.spec.path: certificate for certificate in certificates},
        (*delegations.unreadable, *certificates.unreadable),
    )


def find(options: StackOptions) -> Deployment:
    """Return the stack. Its name: the option, $CERTMANDATE_STACK, $STACK, DEFAULT_STACK. Raises DeploymentMissing."""
    import boto3
    from botocore.exceptions import ProfileNotFound

    region = options.region or os.environ.get("AWS_REGION")  # the AWS CLI reads this variable, boto3 does not
    try:
        session = boto3.Session(profile_name=options.profile, region_name=region)
    except ProfileNotFound:
        name = options.profile or os.environ.get("AWS_PROFILE")
        msg = f"the AWS configuration has no profile '{name}'; `aws configure list-profiles` lists them"
        raise DeploymentMissing(msg) from None
    if given := os.environ.get(OUTPUTS_VARIABLE):
        _require_no_other(options)
        return Deployment(session, _given(given))
    stack = options.stack or os.environ.get("CERTMANDATE_STACK") or os.environ.get("STACK") or DEFAULT_STACK
    return Deployment(session, _described(session, stack), stack)


def _require_no_other(options: StackOptions) -> None:
    """Raise Refused for an option that would have no effect: the command would change another stack than meant."""
    named = [f"--{name} {value}" for name, value in asdict(options).items() if value]
    if named:
        msg = (
            f"{OUTPUTS_VARIABLE} is set (an export of `certmandate local up`), so {' and '.join(named)} would have no "
            "effect. Omit it, or use a shell without these exports. Nothing was changed"
        )
        raise Refused(msg)


def _given(text: str) -> dict[str, str]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        msg = f"{OUTPUTS_VARIABLE} is not a JSON object of strings; copy it from `certmandate local up`, or unset it"
        raise DeploymentMissing(msg)
    return facts


def _described(session: Any, stack: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        with usable_environment():
            client = session.client("cloudformation")
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
    except aws_errors() as error:
        is_unknown = isinstance(error, ClientError) and "does not exist" in str(error)
        unreachable = aws_unreachable(error, _WHERE)
        raise (
            DeploymentMissing(f"stack '{stack}' was not found: {unreachable}") if is_unknown else unreachable
        ) from None
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])}
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}
    return parameters | outputs


def _region_in(arn: str) -> str:
    parts = arn.split(":")
    if len(parts) < _ARN_PARTS or parts[0] != "arn":
        msg = f"'{arn}' is not the ARN of a state machine, so this is not a stack of certmandate"
        raise DeploymentMissing(msg)
    return parts[3]
