"""Least privilege: every call of a run is permitted to its role, and every permission is used by a call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from certmandate.order_book_editor import OrderBookEditor
from local.calls import AwsCall
from local.clients import OPERATOR
from local.cloudformation.parameters import ACCOUNT, REGION
from local.estate import load_estate
from local.mails import PARAMETERS as MAILS_ARE_ON
from local.run import TEMPLATE, LocalSystem
from renewal.domain.delegation import CertificateSpec
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.report import Outcome, RunReport
from stack.authorization import Place, asked
from stack.policy import Request, Statement, allowed, statements
from stack.resolved import IN_A_VPC, Stack
from tests.unit.orders import an_order
from tests.workflow.conftest import DELEGATION, SCM

FUNCTIONS = (
    "CheckExpiryRole", "InspectDelegationRole", "EnrollRole", "PlanCollectionRole", "CollectRole", "VerifyServedRole",
    "ReportRole", "NotifyRole",
    "RotatePasswordRole",
    "SealAuditRole",
)  # fmt: skip
LOG_DELIVERY = (
    "CreateLogDelivery", "CreateLogStream", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery",
    "ListLogDeliveries", "PutLogEvents", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups",
)  # fmt: skip
IN_THE_VPC = ("InspectDelegationRole", "EnrollRole", "CollectRole", "RotatePasswordRole")
INTERFACES = (
    "CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface",
    "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses",
)  # fmt: skip
CERTIFICATES = """\
  - name: both
    names: [both.univ.example]
    stores: [s3, "acm:eu-west-3", "acm:eu-west-1"]
    served_at: ["both.univ.example:443", {reported_by: lb-2}]
    grace_hours: 0
  - {name: lost, names: [lost.univ.example], stores: [s3, "acm:eu-central-1"]}
  - {name: open, names: [open.univ.example]}
  - {name: refused, names: [refused.univ.example]}
  - {name: twin, names: [twin.univ.example]}
  - {name: declined, names: [declined.univ.example]}
  - {name: acm, names: [acm.univ.example], stores: ["acm:eu-north-1"]}
"""
"""Each region imports one certificate: ACM refuses a second within a second, and the retry would list what ACM has."""
AT_SCM = """\
dials: {issuance_polls: 0}
behaviours:
  - {name: lost.univ.example, faults: [{kind: reset_after, operation: POST /api/ssl/v1/enroll}]}
  - {name: refused.univ.example, dcv: EXPIRED}
  - {name: declined.univ.example, outcome: declined}
certificates:
  - {label: univ/both, department: 7, names: [both.univ.example], profile: 1, term_days: 199, issued_days_ago: 180}
  - {label: univ/acm, department: 7, names: [acm.univ.example], profile: 1, term_days: 199, issued_days_ago: 180}
  - {label: univ/declined, department: 7, names: [declined.univ.example], profile: 1, term_days: 199, status: Applied}
  - {label: univ/twin, department: 7, names: [twin.univ.example], profile: 1, term_days: 199, issued_days_ago: 9}
  - {department: 7, names: [twin.univ.example], profile: 1, term_days: 199, issued_days_ago: 2}
  - {label: univ/open, department: 7, names: [open.univ.example], profile: 1, term_days: 199, status: Applied}
"""

BY_LAMBDA = "Lambda writes the logs, with the function's role"
BY_THE_VPC = "Lambda creates the interface; the code is denied it (tests/template)"
BY_STATES = "inside Step Functions, which the local AWS does not do over HTTP"
BY_SCHEDULER = "nothing fires schedules on this machine"
LARGE = f"results of more than a few megabytes are written in parts, {BY_STATES}"
UNUSED: Mapping[str, str] = {
    "CollectRole acm:ListCertificates": "after a crash between an import and its record (the crash campaign)",
    "RenewalRole s3:AbortMultipartUpload": LARGE,
    "RenewalRole s3:GetObject": LARGE,
    "RenewalRole s3:ListMultipartUploadParts": LARGE,
    "RenewalRole states:DescribeExecution": BY_STATES,
    "RenewalRole states:StartExecution": BY_STATES,
    "RenewalRole states:StopExecution": BY_STATES,
    "ScheduleRole lambda:InvokeFunction": BY_SCHEDULER,
    "ScheduleRole sqs:SendMessage": BY_SCHEDULER,
    "ScheduleRole states:StartExecution": BY_SCHEDULER,
    **{f"{role} logs:{action}": BY_LAMBDA for role in FUNCTIONS for action in ("CreateLogStream", "PutLogEvents")},
    **{f"RenewalRole logs:{action}": BY_STATES for action in LOG_DELIVERY},
    **{f"{role} ec2:{action}": BY_THE_VPC for role in IN_THE_VPC for action in INTERFACES},
}
"""Granted actions that a run on this machine does not use, and why."""
LOGIN_REFUSED = "a login that SCM refuses (tests/faults/test_lock_out.py)"
UNWRITTEN: Mapping[str, str] = {
    "InspectDelegationRole refusal": LOGIN_REFUSED,
    "InspectDelegationRole search_proof": "an order that no search has found (tests/inspection)",
    "EnrollRole refusal": LOGIN_REFUSED,
    "EnrollRole hold_until": "a refusal after a hold (tests/unit/steps/test_enroll.py)",
    "CollectRole refusal": LOGIN_REFUSED,
}
"""Attributes that a role may write and that this run does not write, and why."""


class Proof:
    """The permissions that each role needed, and those that it has."""

    def __init__(self, calls: list[AwsCall], stack: Stack) -> None:
        self.stack = stack
        place = Place(
            ACCOUNT,
            REGION,
            stack.arn("StoreKey"),
            stack.arn("CredentialKey"),
            stack.name("AuditBucket"),
            stack.arn("WatchKey"),
        )
        functions = stack.resources("AWS::Lambda::Function")
        roles = {
            stack.name(function.logical_id): function.properties["Role"].rsplit("-", 1)[-1] for function in functions
        }
        roles["states"] = "RenewalRole"
        self.requests = {
            (
                roles[call.who],
                call.operation,
                request.action,
                request.resource,
                *sorted(request.context.items()),
            ): request
            for call in calls
            for request in asked(call, place)
        }
        self.roles = {
            role.logical_id: statements(stack.policies(role.logical_id)) for role in stack.resources("AWS::IAM::Role")
        }

    def asked_by(self, role: str) -> list[Request]:
        """Return the permissions that a role needed."""
        return [request for (who, *_), request in self.requests.items() if who == role]

    def permitted(self, role: str, request: Request) -> bool:
        """Return whether the role's policies permit a request, and the policy of its key or of the bucket, too."""
        keys = (resource.logical_id for resource in self.stack.resources("AWS::KMS::Key"))
        key = next((key_id for key_id in keys if self.stack.arn(key_id) == request.resource), None)
        by_key = key is None or self._by_the_key(key, role, request)
        return allowed(self.roles[role], request) and by_key and not self._denied_by_the_bucket(role, request)

    def _denied_by_the_bucket(self, role: str, request: Request) -> bool:
        buckets = self.stack.resources("AWS::S3::BucketPolicy")
        policy = statements([bucket.properties["PolicyDocument"] for bucket in buckets])
        who = {"aws:PrincipalArn": self.stack.arn(role), "aws:SecureTransport": "true"}
        asked_by_role = replace(request, context={**request.context, **who})
        return any(statement.effect == "Deny" and statement.applies(asked_by_role) for statement in policy)

    def _by_the_key(self, key: str, role: str, request: Request) -> bool:
        """Only statements whose principal is the account concern roles; the others are for services."""
        account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        policy = self.stack.resource(key).properties["KeyPolicy"]["Statement"]
        mine = statements([{"Statement": [statement for statement in policy if statement["Principal"] == account]}])
        who = {"aws:PrincipalArn": self.stack.arn(role), "kms:CallerAccount": ACCOUNT}
        return allowed(mine, Request(request.action, "*", {**request.context, **who}))


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """Run the state machine with the functions on an estate that needs all of their permissions."""
    folder = tmp_path_factory.mktemp("exercised")
    (folder / "delegations").mkdir()
    (folder / "delegations" / "univ.yaml").write_text(DELEGATION + CERTIFICATES, encoding="utf-8")
    (folder / "scm.yaml").write_text(SCM + AT_SCM, encoding="utf-8")
    (folder / "servers.yaml").write_text("univ/both: [not-reloaded]\n", encoding="utf-8")
    with LocalSystem(load_estate(folder, datetime.now(UTC))) as system:
        rule = ReplacementRule(datetime.now(UTC) - timedelta(days=30), "", "exercised")
        editor = OrderBookEditor(system.aws.tables)
        editor.add_replacement(rule)
        of_retired = ManagedCertificate(CertificateSpec("retired", "idp", ("idp.univ.example",), 1), order=an_order())
        editor.add_replacement(replace(rule, delegations=("retired",)), [of_retired])  # nothing is left of it
        editor.ask("univ", "both", "exercised")
        pointer = "certificates/univ/twin/current.json"  # someone has deleted it: the inspection finds none
        system.aws.client("s3").delete_object(Bucket=system.aws.outputs["StoreBucket"], Key=pointer)
        system.aws.calls.clear()  # calls that set up the estate
        finished = system.execute({}, lambda _history: None)
        system.execute({"dry_run": True, "delegations": ["univ"], "record": True}, lambda _history: None)
        _collect_again(system, finished.report)
        _rotate(system)
        assert "FunctionError" not in system.aws.client("lambda").invoke(FunctionName="certmandate-SealAuditFunction")
        keys = {system.aws.outputs["OrderKeyArn"]: "order-key", system.aws.outputs["AuditKeyArn"]: "audit-key"}
        of_functions = [_with_key(call, keys) for call in system.aws.calls if call.who != OPERATOR]
    given = {**IN_A_VPC, **MAILS_ARE_ON}
    names = {"OrderKey": "order-key", "AuditKey": "audit-key"}
    return Proof(of_functions, Stack(TEMPLATE, given, suffix="", names=names))


def _collect_again(system: LocalSystem, report: RunReport | None) -> None:
    """Step Functions may deliver a task twice: the order is closed then, with an audit row."""
    assert report is not None
    row = next(row for row in report.certificates if row.outcome is Outcome.RENEWED)
    progress = {
        "run_id": report.run_id, "delegation": row.delegation, "certificate": row.name,
        "token": "over", "ssl_id": row.ssl_id, "status": "ordered",
    }  # fmt: skip
    functions = system.aws.client("lambda")
    functions.invoke(FunctionName="certmandate-CollectFunction", Payload=json.dumps(progress))


def _rotate(system: LocalSystem) -> None:
    """Rotate as Secrets Manager does, first with a stored password that SCM refuses."""
    secrets, name = system.aws.client("secretsmanager"), f"{system.aws.outputs['SecretPrefix']}/univ"
    right = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({**json.loads(right), "password": "No-longer-1"}))
    assert not _rotated(system, name)
    secrets.put_secret_value(SecretId=name, SecretString=right)
    assert _rotated(system, name)


def _rotated(system: LocalSystem, secret: str) -> bool:
    functions, token = system.aws.client("lambda"), str(uuid4())
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        event = json.dumps({"SecretId": secret, "ClientRequestToken": token, "Step": step})
        answer = functions.invoke(FunctionName="certmandate-RotatePasswordFunction", Payload=event)
        if "FunctionError" in answer:
            return False
    return True


def _with_key(call: AwsCall, names: Mapping[str, str]) -> AwsCall:
    """Replace the name of a key, which is random in each run."""
    key = str(call.body.get("KeyId"))
    if key not in names:
        return call
    return replace(call, body={**call.body, "KeyId": f"{key.rsplit('/', 1)[0]}/{names[key]}"})


def test_every_call_of_a_run_is_permitted_to_the_role_that_makes_it(proof: Proof) -> None:
    """The local AWS enforces no permission, so a missing permission would only fail on AWS."""
    refused = [
        (role, request.action, request.resource)
        for (role, *_), request in proof.requests.items()
        if not proof.permitted(role, request)
    ]
    assert not refused
    assert len(proof.requests) > 90
    of_keys = {request.resource for request in proof.requests.values() if ":key/" in request.resource}
    assert of_keys == {
        proof.stack.arn(key) for key in ("OrderKey", "StoreKey", "CredentialKey", "AuditKey", "WatchKey")
    }


def test_every_granted_action_is_used_or_listed_with_a_reason(proof: Proof) -> None:
    """An unused permission only serves an attacker; a reason without its permission is removed."""
    assert {f"{role} {action}" for role, _, action in _idle(proof)} == set(UNUSED)


def test_every_attribute_that_a_role_may_write_is_written_or_listed(proof: Proof) -> None:
    """An attribute that no code writes only serves an attacker; a reason without its permission is removed."""
    permitted = {
        f"{role} {attribute}"
        for role, found in proof.roles.items()
        for statement in found
        for attribute in statement.conditions.get("ForAllValues:StringEquals", {}).get("dynamodb:Attributes", ())
    }
    written = {
        f"{role} {attribute}"
        for (role, *_), request in proof.requests.items()
        for attribute in request.context.get("dynamodb:Attributes", ())
    }
    assert permitted - written == set(UNWRITTEN)


def test_taking_any_used_permission_away_makes_a_call_fail(proof: Proof) -> None:
    """If two statements permit the same action, one of them is too wide."""
    superfluous = []
    for role, found in proof.roles.items():
        requests = proof.asked_by(role)
        for index, statement in enumerate(found):
            for action in statement.actions if statement.effect == "Allow" else ():
                if f"{role} {action}" in UNUSED and not _uses(proof, role, replace(statement, actions=(action,))):
                    continue
                less = replace(statement, actions=tuple(granted for granted in statement.actions if granted != action))
                mutant = [*found[:index], less, *found[index + 1 :]]
                if all(allowed(mutant, request) for request in requests):
                    superfluous.append((role, statement.sid, action))
    assert not superfluous


def _idle(proof: Proof) -> Iterator[tuple[str, str, str]]:
    """Yield role, statement and action of every permission that was not needed."""
    for role, found in proof.roles.items():
        for statement in found:
            for action in statement.actions if statement.effect == "Allow" else ():
                if not _uses(proof, role, replace(statement, actions=(action,))):
                    yield role, statement.sid, action


def _uses(proof: Proof, role: str, statement: Statement) -> bool:
    return any(statement.applies(request) for request in proof.asked_by(role))
