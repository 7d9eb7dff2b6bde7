"""Least privilege, measured: every call of a whole run against the role that makes it, and the other way round."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from local.estate import load_estate
from local.process_guard import OPERATOR
from local.run import TEMPLATE, LocalSystem
from renewal.domain.run_report import Outcome, RunReport
from stack.authorization import Place, asked
from stack.observed import Observed, observing
from stack.policy import Request, Statement, allowed, statements
from stack.resolved import ACCOUNT, IN_A_VPC, REGION, Stack
from tests.workflow.conftest import DELEGATION, SCM

FUNCTIONS = (
    "CheckExpiryRole", "InspectDelegationRole", "EnrollRole", "CollectRole", "ReportRole", "RotatePasswordRole",
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
  - {name: both, names: [both.univ.example], stores: [s3, "acm:eu-west-3", "acm:eu-west-1"]}
  - {name: lost, names: [lost.univ.example], stores: [s3, "acm:eu-west-3"]}
  - {name: open, names: [open.univ.example]}
  - {name: refused, names: [refused.univ.example]}
"""
AT_SCM = """\
dials: {issuance_polls: 0}
behaviours:
  - {name: lost.univ.example, faults: [{kind: reset_after, operation: POST /api/ssl/v1/enroll}]}
  - {name: refused.univ.example, dcv: EXPIRED}
certificates:
  - {label: univ/both, department: 7, names: [both.univ.example], profile: 1, term_days: 199, issued_days_ago: 180}
  - {label: univ/open, department: 7, names: [open.univ.example], profile: 1, term_days: 199, status: Applied}
"""

BY_LAMBDA = "Lambda writes the logs itself, with the function's role"
BY_THE_VPC = "Lambda asks for its interface, not the code, which is denied all of it (tests/template)"
BY_STATES = "inside Step Functions, which the local AWS does not do over HTTP"
BY_SCHEDULER = "nothing fires schedules on this machine"
IN_A_RACE = "looks at the audit rows when another run has ended its order (the crash campaign does it)"
LARGE = f"results of more than a few megabytes are written in parts, {BY_STATES}"
UNSEEN: Mapping[str, str] = {
    "CollectRole acm:ListCertificates": "after a crash between an import and its record (the crash campaign)",
    "EnrollRole dynamodb:Query": IN_A_RACE,
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
"""Granted actions that a run on this machine does not show, and why."""
ELSEWHERE = (BY_LAMBDA, BY_THE_VPC, BY_STATES, BY_SCHEDULER, LARGE)
"""Reasons for which this machine can't show them; the others are for what that run does not bring about."""


class Proof:
    """What was asked for by which role, and what the roles permit."""

    def __init__(self, seen: list[Observed], stack: Stack) -> None:
        self.stack = stack
        place = Place(ACCOUNT, REGION, stack.arn("StoreKey"))
        functions = stack.resources("AWS::Lambda::Function")
        roles = {stack.name(one.logical_id): one.properties["Role"].rsplit("-", 1)[-1] for one in functions}
        roles["states"] = "RenewalRole"
        self.requests = {
            (roles[observed.call.who], observed.call.operation, request.action, request.resource): request
            for observed in seen
            for request in asked(observed, place)
        }
        self.roles = {
            one.logical_id: statements(stack.policies(one.logical_id)) for one in stack.resources("AWS::IAM::Role")
        }

    def asked_by(self, role: str) -> list[Request]:
        """Everything that a role asked for."""
        return [request for (who, *_), request in self.requests.items() if who == role]

    def permitted(self, role: str, request: Request) -> bool:
        """Whether the role's own policies permit it, and the key's as well when it is about a key."""
        keys = (one.logical_id for one in self.stack.resources("AWS::KMS::Key"))
        key = next((one for one in keys if self.stack.arn(one) == request.resource), None)
        return allowed(self.roles[role], request) and (key is None or self._by_the_key(key, role, request))

    def _by_the_key(self, key: str, role: str, request: Request) -> bool:
        """The account is the principal of what our roles may: the statements for services are not theirs."""
        account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        policy = self.stack.resource(key).properties["KeyPolicy"]["Statement"]
        mine = statements([{"Statement": [one for one in policy if one["Principal"] == account]}])
        who = {"aws:PrincipalArn": self.stack.arn(role), "kms:CallerAccount": ACCOUNT}
        return allowed(mine, Request(request.action, "*", {**request.context, **who}))


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """A run of the shipped state machine with the shipped functions, on an estate that needs all they may do."""
    folder = tmp_path_factory.mktemp("exercised")
    (folder / "delegations").mkdir()
    (folder / "delegations" / "univ.yaml").write_text(DELEGATION + CERTIFICATES, encoding="utf-8")
    (folder / "scm.yaml").write_text(SCM + AT_SCM, encoding="utf-8")
    with observing() as calls, LocalSystem(load_estate(folder, datetime.now(UTC))) as system:
        calls.clear()  # what brought the past about
        finished = system.execute({}, lambda _history: None)
        _collect_again(system, finished.report)
        _rotate(system)
        key = system.aws.outputs["OrderKeyArn"]
    seen = [_with_key(one, key) for one in calls if one.call.who != OPERATOR]
    return Proof(seen, Stack(TEMPLATE, IN_A_VPC, suffix="", names={"OrderKey": "order-key"}))


def _collect_again(system: LocalSystem, report: RunReport | None) -> None:
    """Step Functions may deliver a task twice: the order is over then, and its audit row says how."""
    assert report is not None
    row = next(row for row in report.certificates if row.outcome is Outcome.RENEWED)
    progress = {
        "run_id": report.run_id, "delegation": row.delegation, "certificate": row.name,
        "token": "over", "ssl_id": row.ssl_id, "status": "ordered",
    }  # fmt: skip
    functions = system.aws.client("lambda")
    functions.invoke(FunctionName="certmandate-CollectFunction", Payload=json.dumps(progress))


def _rotate(system: LocalSystem) -> None:
    """What Secrets Manager does step by step; first with a stored password that SCM refuses."""
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


def _with_key(observed: Observed, key: str) -> Observed:
    """The key has another random name in each run."""
    if observed.body.get("KeyId") != key:
        return observed
    return replace(observed, body={**observed.body, "KeyId": key.rsplit("/", 1)[0] + "/order-key"})


def test_every_call_of_a_run_is_permitted_to_the_role_that_makes_it(proof: Proof) -> None:
    """The local AWS enforces nothing: without this, a missing permission shows in the first night on AWS."""
    refused = [
        (role, request.action, request.resource)
        for (role, *_), request in proof.requests.items()
        if not proof.permitted(role, request)
    ]
    assert not refused
    assert len(proof.requests) > 100
    of_keys = {request.resource for request in proof.requests.values() if ":key/" in request.resource}
    assert of_keys == {proof.stack.arn("OrderKey"), proof.stack.arn("StoreKey")}


def test_every_granted_action_is_used_or_its_absence_explained(proof: Proof) -> None:
    """What nobody uses is there for whoever breaks in; and excuses must not outlive what they excuse."""
    assert {f"{role} {action}" for role, _, action in _idle(proof)} == set(UNSEEN)


def test_of_what_this_machine_can_show_nearly_everything_is_used(proof: Proof) -> None:
    """A long list of explanations is none."""
    granted = sum(len(one.actions) for one in _allows(proof))
    elsewhere = sum(1 for reason in UNSEEN.values() if reason in ELSEWHERE)
    shown, can_be_shown = granted - len(UNSEEN), granted - elsewhere
    print(f"{shown} of all {granted} granted actions exercised; {elsewhere} cannot be here, {shown} of the rest are")
    print(f"by reason: {dict(Counter(UNSEEN.values()))}")
    assert shown / can_be_shown >= 0.95


def test_taking_any_used_permission_away_makes_a_call_fail(proof: Proof) -> None:
    """Two statements that permit the same hide that one of them is too wide."""
    superfluous = []
    for role, found in proof.roles.items():
        requests = proof.asked_by(role)
        for index, statement in enumerate(found):
            for action in statement.actions if statement.effect == "Allow" else ():
                if f"{role} {action}" in UNSEEN and not _uses(proof, role, replace(statement, actions=(action,))):
                    continue
                less = replace(statement, actions=tuple(one for one in statement.actions if one != action))
                mutant = [*found[:index], less, *found[index + 1 :]]
                if all(allowed(mutant, request) for request in requests):
                    superfluous.append((role, statement.sid, action))
    assert not superfluous


def _allows(proof: Proof) -> list[Statement]:
    return [one for found in proof.roles.values() for one in found if one.effect == "Allow"]


def _idle(proof: Proof) -> Iterator[tuple[str, str, str]]:
    """Role, statement and action of everything that is granted and was not asked for."""
    for role, found in proof.roles.items():
        for statement in found:
            for action in statement.actions if statement.effect == "Allow" else ():
                if not _uses(proof, role, replace(statement, actions=(action,))):
                    yield role, statement.sid, action


def _uses(proof: Proof, role: str, statement: Statement) -> bool:
    return any(statement.applies(request) for request in proof.asked_by(role))
