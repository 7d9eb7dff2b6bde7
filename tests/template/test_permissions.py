"""What the stack's policies permit, read from the template as SAM expands it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from stack.policy import Request, Statement, allowed, statements
from stack.resolved import ACCOUNT, REGION, STACK_NAME, Resource, Stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
LAMBDAS = ("CheckExpiry", "InspectDelegation", "Enroll", "Collect", "Report", "RotatePassword")
WIDE: Mapping[tuple[str, str], str] = {
    ("RenewalRole", "LogDelivery"): "the log delivery actions know no resource",
    ("CollectRole", "FindEarlierImport"): "acm:ListCertificates knows no resource",
    ("NetworkInterfaces", "ByLambda"): "Lambda asks before the interface has a name",
}
"""Statements that allow something on every resource, and why AWS leaves no other way."""

COMING_AND_GOING = "delegations come and go without a deployment, one secret each"
RUN = "a run is known by its id only when it begins"
STORED = "one folder a certificate, which come and go without a deployment"
ANY_ARN = "certificates of any region, adopted ones among them, which carry no tag to ask for"
PATTERNS: Mapping[tuple[str, str], str] = {
    ("RenewalRole", "ChildExecutionsWatched"): RUN,
    ("RenewalRole", "ReadPlan"): RUN,
    ("RenewalRole", "WriteResults"): RUN,
    ("CheckExpiryRole", "WritePlan"): RUN,
    ("InspectDelegationRole", "Credential"): COMING_AND_GOING,
    ("EnrollRole", "Credential"): COMING_AND_GOING,
    ("EnrollRole", "ForeseeRefusals"): ANY_ARN,
    ("CollectRole", "Credential"): COMING_AND_GOING,
    ("CollectRole", "Acm"): ANY_ARN,
    ("CollectRole", "TagNewImports"): ANY_ARN,
    ("CollectRole", "StoreCertificates"): STORED,
    ("CollectRole", "ReadPointer"): STORED,
    ("CollectRole", "EraseReplacedKeys"): STORED,
    ("ReportRole", "ReadRun"): RUN,
    ("ReportRole", "WriteReport"): RUN,
    ("RotatePasswordRole", "Credential"): COMING_AND_GOING,
}
"""Statements that name their resources by a pattern, and why not one by one."""

THEIR_KEY = "arn:aws:kms:eu-west-3:999999999999:key/theirs"
ORDER_CONTEXT: dict[str, str | tuple[str, ...]] = {
    "kms:EncryptionContext:order": "0123456789abcdef",
    "kms:EncryptionContextKeys": ("delegation", "certificate", "order"),
}


def roles(stack: Stack) -> dict[str, list[Statement]]:
    """The statements of every role, its managed policies included."""
    return {role.logical_id: statements(stack.policies(role.logical_id)) for role in stack.resources("AWS::IAM::Role")}


def documents(stack: Stack) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every policy document of the template: of roles, keys, the bucket, the topic and endpoints."""
    for resource in stack.resources():
        properties = resource.properties
        for policy in properties.get("Policies", ()) if resource.type == "AWS::IAM::Role" else ():
            yield resource, policy["PolicyDocument"]
        for name in ("PolicyDocument", "KeyPolicy"):
            if name in properties:
                yield resource, properties[name]


def key_policy(stack: Stack, key: str, role: str, request: Request) -> bool:
    """Whether the policy of a key lets the account's IAM policies decide for that role."""
    policy = stack.resource(key).properties["KeyPolicy"]
    account = f"arn:aws:iam::{ACCOUNT}:root"
    mine = [one for one in policy["Statement"] if one["Principal"].get("AWS") == account]
    context = {**request.context, "aws:PrincipalArn": stack.arn(role), "kms:CallerAccount": ACCOUNT}
    return allowed(statements([{"Statement": mine}]), Request(request.action, "*", context))


def may(stack: Stack, role: str, action: str, key: str, context: Mapping[str, Any]) -> bool:
    """Whether a role may use a key: its own policies and the key's must both say so."""
    request = Request(action, stack.arn(key), context)
    return allowed(roles(stack)[role], request) and key_policy(stack, key, role, request)


def test_no_policy_allows_an_action_by_a_wildcard(stack: Stack, network: Stack) -> None:
    """A wildcard grants what AWS adds next year, too."""
    for one in (stack, network):
        for resource, document in documents(one):
            for statement in statements([document]):
                if statement.effect == "Allow":
                    assert not [action for action in statement.actions if "*" in action], resource.logical_id


def test_a_role_that_may_act_on_everything_says_why(stack: Stack) -> None:
    """And the list of reasons names no statement that is gone."""
    wide = {
        (resource.logical_id, statement.sid)
        for resource, document in documents(stack)
        if resource.type.startswith("AWS::IAM::")
        for statement in statements([document])
        if statement.effect == "Allow" and "*" in statement.resources
    }
    assert wide == set(WIDE)


def test_a_pattern_of_resources_says_why_it_is_one(stack: Stack) -> None:
    """Half a wildcard grants what is called so next year; a role's own log group ends in one by itself."""
    patterns = {
        (resource.logical_id, statement.sid)
        for resource, document in documents(stack)
        if resource.type.startswith("AWS::IAM::")
        for statement in statements([document])
        for name in statement.resources
        if statement.effect == "Allow" and "*" in name.removeprefix(stack.arn("FunctionLogs")) and name != "*"
    }
    assert patterns == set(PATTERNS)


def test_each_object_of_a_run_is_written_by_one_role(stack: Stack) -> None:
    """A function that was taken over must not write what the next one believes: a plan, a result, the report."""
    writers = {
        "plan.json": {"CheckExpiryRole"},
        "facts.json": {"CheckExpiryRole"},
        "results/0a1b/manifest.json": {"RenewalRole"},
        "report.json": {"ReportRole"},
        "anything.json": set(),
    }
    for name, wanted in writers.items():
        put = Request("s3:PutObject", f"{stack.arn('StoreBucket')}/runs/daily/{name}")
        assert {role for role, found in roles(stack).items() if allowed(found, put)} == wanted, name


def test_only_enroll_seals_and_only_collect_opens(stack: Stack) -> None:
    """Whoever takes over one of the functions gets half of what it needs to steal a key."""
    for action, who in (("kms:Encrypt", "EnrollRole"), ("kms:Decrypt", "CollectRole")):
        able = {role for role in roles(stack) if may(stack, role, action, "OrderKey", ORDER_CONTEXT)}
        assert able == {who}, action


def test_nobody_seals_or_opens_without_saying_for_which_order(stack: Stack) -> None:
    """The encryption context ties a sealed key to one order, and shows in CloudTrail."""
    assert not may(stack, "EnrollRole", "kms:Encrypt", "OrderKey", {})
    assert not may(stack, "CollectRole", "kms:Decrypt", "OrderKey", {})


@pytest.mark.parametrize(
    "role",
    [
        "administrator",
        "certmandate-CollectRole-made-by-an-administrator",
        "certmandate-EnrollRole",
        "certmandate-CollectRole-A1B2C3D4E5F6-2",
    ],
)
def test_the_order_keys_policy_withholds_its_use_from_every_other_role_of_the_account(stack: Stack, role: str) -> None:
    """An administrator's `kms:*` must not open private keys by the way, nor a new role whose name looks like ours."""
    policy = stack.resource("OrderKey").properties["KeyPolicy"]
    outsider: dict[str, str | tuple[str, ...]] = {
        **ORDER_CONTEXT,
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
    }
    for action in (
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:CreateGrant",
        "kms:ReEncryptFrom",
    ):
        assert not allowed(statements([policy]), Request(action, "*", outsider)), action


@pytest.mark.parametrize("key", ["OrderKey", "StoreKey", "WatchKey"])
def test_the_account_can_always_change_a_keys_policy(stack: Stack, key: str) -> None:
    """A key that nobody administers can never be mended."""
    policy = stack.resource(key).properties["KeyPolicy"]
    assert allowed(statements([policy]), Request("kms:PutKeyPolicy", "*", {}))


def test_only_collect_writes_certificates(stack: Stack) -> None:
    """One function has the stores; a run's report can't overwrite a certificate."""
    key = f"{stack.arn('StoreBucket')}/certificates/campus/portal/00AB/privkey.pem"
    able = {role for role, found in roles(stack).items() if allowed(found, Request("s3:PutObject", key))}
    assert able == {"CollectRole"}
    importers = {
        role
        for role, found in roles(stack).items()
        if allowed(found, Request("acm:ImportCertificate", f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/x"))
    }
    assert importers == {"CollectRole"}


def test_nobody_reads_a_stored_private_key(stack: Stack) -> None:
    """The service that uses it does; nothing of this stack."""
    key = f"{stack.arn('StoreBucket')}/certificates/campus/portal/00AB/privkey.pem"
    assert not [role for role, found in roles(stack).items() if allowed(found, Request("s3:GetObject", key))]


def test_only_functions_that_log_in_read_credentials(stack: Stack) -> None:
    """Deciding and reporting need no password."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:certmandate/campus-AbCdEf"
    read = Request("secretsmanager:GetSecretValue", secret)
    able = {role for role, found in roles(stack).items() if allowed(found, read)}
    assert able == {"InspectDelegationRole", "EnrollRole", "CollectRole", "RotatePasswordRole"}
    other = Request("secretsmanager:GetSecretValue", secret.replace("certmandate/", "payroll/"))
    assert not [role for role, found in roles(stack).items() if allowed(found, other)]


def test_only_a_rotation_writes_credentials(stack: Stack) -> None:
    """And only those of delegations; the others could lock us out."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:certmandate/campus-AbCdEf"
    for action in ("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"):
        able = {role for role, found in roles(stack).items() if allowed(found, Request(action, secret))}
        assert able == {"RotatePasswordRole"}, action
        other = Request(action, secret.replace("certmandate/", "payroll/"))
        assert not allowed(roles(stack)["RotatePasswordRole"], other)


def test_the_functions_code_may_not_touch_network_interfaces(stack: Stack) -> None:
    """Lambda needs it to put them into the VPC; code that could move interfaces could move the address."""
    create = "ec2:CreateNetworkInterface"
    by_code = {"lambda:SourceFunctionArn": stack.arn("EnrollFunction")}
    for role in ("InspectDelegationRole", "EnrollRole", "CollectRole", "RotatePasswordRole"):
        assert allowed(roles(stack)[role], Request(create, "*"))
        assert not allowed(roles(stack)[role], Request(create, "*", by_code))


def test_about_interfaces_lambda_may_what_aws_asks_for_and_code_nothing(stack: Stack) -> None:
    """The list is AWS's (lambda/latest/dg/configuration-vpc.html): a longer one is more than Lambda needs."""
    by_lambda, never_by_code = statements([stack.resource("NetworkInterfaces").properties["PolicyDocument"]])
    assert (by_lambda.effect, never_by_code.effect) == ("Allow", "Deny")
    assert set(by_lambda.actions) == {
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
    }  # fmt: skip
    assert set(never_by_code.actions) == {*by_lambda.actions, "ec2:DetachNetworkInterface"}
    assert not by_lambda.conditions


def test_dynamodb_may_keep_a_grant_on_the_stores_key_and_nobody_else(stack: Stack) -> None:
    """It asks for one in the name of whoever makes the table; a grant of anybody else's would outlive every policy."""
    policy = statements([stack.resource("StoreKey").properties["KeyPolicy"]])
    for_table = {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
    assert allowed(policy, Request("kms:CreateGrant", "*", for_table))
    for less in ({}, {"kms:ViaService": for_table["kms:ViaService"]}, {"kms:GrantIsForAWSResource": "true"}):
        assert not allowed(policy, Request("kms:CreateGrant", "*", less)), less


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_the_stores_key_is_used_through_the_stores_only(stack: Stack, service: str) -> None:
    """Both must be able to, or nothing can be stored; called directly it opens nothing."""
    policy = statements([stack.resource("StoreKey").properties["KeyPolicy"]])
    via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"):
        assert allowed(policy, Request(action, "*", via)), action
        assert not allowed(policy, Request(action, "*", {"kms:CallerAccount": ACCOUNT})), action
        assert not allowed(policy, Request(action, "*", {**via, "kms:CallerAccount": "999999999999"})), action


def test_every_role_can_be_bounded(stack: Stack) -> None:
    """An organisation that demands a permissions boundary must not have to patch the template."""
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    bounded = Stack(TEMPLATE, {"PermissionsBoundary": boundary})
    found = {
        role.logical_id: role.properties.get("PermissionsBoundary") for role in bounded.resources("AWS::IAM::Role")
    }
    assert set(found.values()) == {boundary}
    assert not [role for role in stack.resources("AWS::IAM::Role") if "PermissionsBoundary" in role.properties]


def test_every_role_is_assumed_by_one_service_for_this_account_only(stack: Stack) -> None:
    """A service that another account has set up must not come in by a role of ours (the confused deputy)."""
    for role in stack.resources("AWS::IAM::Role"):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert list(statement["Principal"]) == ["Service"], role.logical_id
        assert isinstance(statement["Principal"]["Service"], str), role.logical_id
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT, role.logical_id


def test_the_roles_of_the_workflow_are_assumed_for_this_stacks_own_resources_only(stack: Stack) -> None:
    """Another state machine or schedule of the account must not act with these rights."""
    wanted = {
        "RenewalRole": ("ArnLike", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK_NAME}-*"),
        "ScheduleRole": ("StringEquals", f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{STACK_NAME}"),
    }
    for role, (operator, source) in wanted.items():
        (statement,) = stack.resource(role).properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"][operator]["aws:SourceArn"] == source, role


def test_secrets_manager_invokes_a_rotation_for_our_secrets_only(stack: Stack) -> None:
    """Without the permission no password is ever rotated; without its source any secret of any account may ask."""
    (permission,) = stack.resources("AWS::Lambda::Permission")
    assert permission.properties == {
        "FunctionName": stack.name("RotatePasswordFunction"),
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": ACCOUNT,
        "SourceArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:certmandate/*",
    }


def test_every_function_has_a_role_of_its_own(stack: Stack) -> None:
    """A shared role grants each the other's rights; and SAM would make a looser one where none is given."""
    used = [one.properties["Role"] for one in stack.resources("AWS::Lambda::Function")]
    assert sorted(used) == sorted({stack.arn(f"{name}Role") for name in LAMBDAS})


def test_the_bucket_takes_no_object_under_another_key(stack: Stack) -> None:
    """Else a caller's header could undo the bucket's encryption; a put without headers must pass."""
    policy = stack.resource("StoreBucketPolicy").properties["PolicyDocument"]
    denials = [one for one in statements([policy]) if one.effect == "Deny"]
    key = f"{stack.arn('StoreBucket')}/certificates/x"
    header = "s3:x-amz-server-side-encryption"
    tls = {"aws:SecureTransport": "true"}
    put = [
        ({}, False),
        ({header: "aws:kms", f"{header}-aws-kms-key-id": stack.arn("StoreKey")}, False),
        ({header: "AES256"}, True),
        ({header: "aws:kms", f"{header}-aws-kms-key-id": THEIR_KEY}, True),
        ({"aws:SecureTransport": "false"}, True),
    ]
    for context, denied in put:
        request = Request("s3:PutObject", key, {**tls, **context})
        assert any(one.applies(request) for one in denials) is denied, context
