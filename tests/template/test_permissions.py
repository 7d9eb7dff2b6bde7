"""What the stack's policies permit, in the template as SAM transforms it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.cloudformation.parameters import ACCOUNT, REGION, STACK_NAME
from renewal.adapters.events import NOTICE, RENEWED, SEALED, SOURCE
from stack.policy import Request, Statement, allowed, statements
from stack.resolved import Resource, Stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
LAMBDAS = (
    "CheckExpiry", "InspectDelegation", "Enroll", "PlanCollection", "Collect", "VerifyServed", "Report", "Notify",
    "RotatePassword", "SealAudit",
)  # fmt: skip
WIDE: Mapping[tuple[str, str], str] = {
    ("RenewalRole", "LogDelivery"): "the log delivery actions have no resource",
    ("CollectRole", "FindEarlierImport"): "acm:ListCertificates has no resource",
    ("NetworkInterfaces", "ByLambda"): "Lambda asks before the interface has a name",
}
"""Statements that allow an action on every resource, and why AWS requires it."""

BY_DELEGATION = "delegations are added and removed without a deployment, one secret each"
RUN = "a run's id is known only when it begins"
STORED = "one folder for each certificate, added and removed without a deployment"
SEALED_TRAIL = "one object for each seal"
ANY_ARN = "certificates of any region; adopted certificates carry no tag to require"
PATTERNS: Mapping[tuple[str, str], str] = {
    ("RenewalRole", "ChildExecutionsWatched"): RUN,
    ("RenewalRole", "ReadPlan"): RUN,
    ("RenewalRole", "WriteResults"): RUN,
    ("CheckExpiryRole", "WritePlan"): RUN,
    ("InspectDelegationRole", "Credential"): BY_DELEGATION,
    ("InspectDelegationRole", "CompareStores"): STORED,
    ("InspectDelegationRole", "CompareAcm"): ANY_ARN,
    ("InspectDelegationRole", "WriteRecording"): RUN,
    ("InspectDelegationRole", "ListForeignOrders"): RUN,
    ("EnrollRole", "Credential"): BY_DELEGATION,
    ("EnrollRole", "ForeseeRefusals"): ANY_ARN,
    ("PlanCollectionRole", "ReadRun"): RUN,
    ("PlanCollectionRole", "WriteCollection"): RUN,
    ("CollectRole", "Credential"): BY_DELEGATION,
    ("CollectRole", "Acm"): ANY_ARN,
    ("CollectRole", "TagNewImports"): ANY_ARN,
    ("CollectRole", "StoreCertificates"): STORED,
    ("CollectRole", "ReadPointer"): STORED,
    ("CollectRole", "EraseReplacedKeys"): STORED,
    ("VerifyServedRole", "ReadReports"): "a host is declared by a delegation file",
    ("ReportRole", "ReadRun"): RUN,
    ("ReportRole", "WriteReport"): RUN,
    ("NotifyRole", "ReadResults"): RUN,
    ("RotatePasswordRole", "Credential"): BY_DELEGATION,
    ("SealAuditRole", "AddSeal"): SEALED_TRAIL,
}
"""Statements that name their resources by a pattern, and why not by name."""

THEIR_KEY = "arn:aws:kms:eu-west-3:999999999999:key/theirs"
ONCE: dict[str, str | tuple[str, ...]] = {"s3:if-none-match": "*"}
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
    """Return whether the policy of a key lets the account's IAM policies decide for that role."""
    policy = stack.resource(key).properties["KeyPolicy"]
    account = f"arn:aws:iam::{ACCOUNT}:root"
    mine = [statement for statement in policy["Statement"] if statement["Principal"].get("AWS") == account]
    context = {**request.context, "aws:PrincipalArn": stack.arn(role), "kms:CallerAccount": ACCOUNT}
    return allowed(statements([{"Statement": mine}]), Request(request.action, "*", context))


def may(stack: Stack, role: str, action: str, key: str, context: Mapping[str, Any]) -> bool:
    """Return whether a role may use a key: its own policies and the key's must both allow it."""
    request = Request(action, stack.arn(key), context)
    return allowed(roles(stack)[role], request) and key_policy(stack, key, role, request)


def test_no_policy_allows_an_action_by_a_wildcard(stack: Stack, network: Stack) -> None:
    """A wildcard also grants actions that AWS adds later."""
    for template in (stack, network):
        for resource, document in documents(template):
            for statement in statements([document]):
                if statement.effect == "Allow":
                    assert not [action for action in statement.actions if "*" in action], resource.logical_id


def test_statements_for_every_resource_are_those_with_a_reason(stack: Stack) -> None:
    """A new statement needs a reason, and a reason without its statement is removed."""
    wide = {
        (resource.logical_id, statement.sid)
        for resource, document in documents(stack)
        if resource.type.startswith("AWS::IAM::")
        for statement in statements([document])
        if statement.effect == "Allow" and "*" in statement.resources
    }
    assert wide == set(WIDE)


def test_patterns_of_resources_are_those_with_a_reason(stack: Stack) -> None:
    """A pattern also grants resources that are created later; a log group's ARN always ends in one."""
    patterns = {
        (resource.logical_id, statement.sid)
        for resource, document in documents(stack)
        if resource.type.startswith("AWS::IAM::")
        for statement in statements([document])
        for name in statement.resources
        if statement.effect == "Allow" and "*" in name.removeprefix(stack.arn("FunctionLogs")) and name != "*"
    }
    assert patterns == set(PATTERNS)


SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:certmandate/campus-AbCdEf"
ANOTHERS = SECRET.replace("certmandate/", "payroll/")
OF_A_LONGER_PREFIX = SECRET.replace("certmandate/", "certmandate/test/")
AUDIT_TRAIL = "{AuditTable}"
PRIVATE_KEY = "{StoreBucket}/certificates/campus/portal/00AB/privkey.pem"
ACM_CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/x"
POINTER_READERS = {"InspectDelegationRole", "CollectRole"}
RUN_FOLDER = "{StoreBucket}/runs/daily"


@pytest.mark.parametrize(
    ("action", "resource", "who"),
    [
        # A compromised function must not write what the next function trusts: a plan, a result, the report.
        ("s3:PutObject", f"{RUN_FOLDER}/facts.json", {"CheckExpiryRole"}),
        ("s3:PutObject", f"{RUN_FOLDER}/results/0a1b/manifest.json", {"RenewalRole"}),
        ("s3:PutObject", f"{RUN_FOLDER}/report.json", set()),
        ("s3:PutObject", f"{RUN_FOLDER}/recording-univ.json", {"InspectDelegationRole"}),
        ("s3:PutObject", f"{RUN_FOLDER}/foreign-orders-univ.json", {"InspectDelegationRole"}),
        ("s3:PutObject", f"{RUN_FOLDER}/anything.json", set()),
        ("sns:Publish", "{Notices}", {"ReportRole"}),
        ("sns:Publish", "{Notices}-of-others", set()),
        # What was done in an organisation's name is added to the audit trail, and nothing in it is changed.
        # A request that names no attributes is refused; test_writable.py has the attributes of each role.
        ("dynamodb:PutItem", AUDIT_TRAIL, set()),
        ("dynamodb:UpdateItem", AUDIT_TRAIL, set()),
        ("dynamodb:DeleteItem", AUDIT_TRAIL, set()),
        ("dynamodb:BatchWriteItem", AUDIT_TRAIL, set()),
        ("dynamodb:PartiQLUpdate", AUDIT_TRAIL, set()),
        # S1: whose an ARN is, is read before anything is ordered for it or imported into it.
        ("acm:ListTagsForCertificate", ACM_CERTIFICATE, {"EnrollRole", "CollectRole"}),
        # S1: what the stores have is compared every day, by the role that reads no key and writes to no store.
        ("acm:DescribeCertificate", ACM_CERTIFICATE, {"InspectDelegationRole", "EnrollRole", "CollectRole"}),
        ("s3:GetObject", PRIVATE_KEY.replace("00AB/privkey.pem", "current.json"), POINTER_READERS),
        ("s3:GetObject", PRIVATE_KEY.replace("privkey", "cert"), {"InspectDelegationRole"}),
        ("s3:GetObject", PRIVATE_KEY.replace("privkey", "fullchain"), set()),
        # A function that may read or write other credentials could lock other systems out.
        ("secretsmanager:GetSecretValue", ANOTHERS, set()),
        ("secretsmanager:GetSecretValue", OF_A_LONGER_PREFIX, set()),
        ("secretsmanager:PutSecretValue", OF_A_LONGER_PREFIX, set()),
        ("secretsmanager:PutSecretValue", ANOTHERS, set()),
        ("secretsmanager:UpdateSecretVersionStage", SECRET, {"RotatePasswordRole"}),
        ("secretsmanager:UpdateSecretVersionStage", ANOTHERS, set()),
    ],
)
def test_an_action_is_allowed_to_these_roles_only(stack: Stack, action: str, resource: str, who: set[str]) -> None:
    """Each row has its reason above it; `test_compromised_roles.py` has what a function could do to a delegation."""
    request = Request(
        action, resource.format(**{name: stack.arn(name) for name in ("StoreBucket", "AuditTable", "Notices")})
    )
    assert {role for role, found in roles(stack).items() if allowed(found, request)} == who


OF_STEP_FUNCTIONS = "RenewalRole"
"""Reads the plan that check_expiry has just written."""
LISTED = {
    "InspectDelegationRole": "certificates/", "PlanCollectionRole": "runs/", "CollectRole": "certificates/",
    "VerifyServedRole": "served/", "ReportRole": "runs/", "NotifyRole": "runs/",
}  # fmt: skip


def test_an_object_that_a_function_reads_is_absent_and_not_forbidden(stack: Stack) -> None:
    """Without `s3:ListBucket`, S3 answers 403 for both. When an object is read, S3 asks for it without a prefix."""
    readers = {role for role, own in roles(stack).items() if any("s3:GetObject" in each.actions for each in own)}
    bucket = stack.arn("StoreBucket")

    assert readers == {*LISTED, OF_STEP_FUNCTIONS}
    for role, folder in LISTED.items():
        assert allowed(roles(stack)[role], Request("s3:ListBucket", bucket)), role
        permitted = [
            prefix
            for prefix in (*sorted(set(LISTED.values())), "")
            if allowed(roles(stack)[role], Request("s3:ListBucket", bucket, {"s3:prefix": prefix}))
        ]
        assert permitted == [folder], role


def test_a_report_is_written_once_and_by_the_reports_function_only(stack: Stack) -> None:
    """Fault S9: the versions of an old report expire after 30 days, so a forged one must not replace it."""
    request = Request("s3:PutObject", f"{stack.arn('StoreBucket')}/runs/daily/report.json", ONCE)
    assert {role for role, found in roles(stack).items() if allowed(found, request)} == {"ReportRole"}


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"])
def test_only_seals_are_added_to_the_audit_bucket_and_nothing_is_deleted(stack: Stack, action: str) -> None:
    """Fault S4: an administrator of the account, whose IAM policies permit everything, is denied by the bucket."""
    policy = stack.resource("AuditBucketPolicy").properties["PolicyDocument"]
    denials = [statement for statement in statements([policy]) if statement.effect == "Deny"]
    seal = f"{stack.arn('AuditBucket')}/audit/univ/000000000001-00.json"
    sealer, administrator = stack.arn("SealAuditRole"), f"arn:aws:iam::{ACCOUNT}:role/administrator"
    for who, context, permitted in (
        (sealer, ONCE, action == "s3:PutObject"),
        (sealer, {}, False),
        (administrator, ONCE, False),
    ):
        request = Request(action, seal, {**context, "aws:PrincipalArn": who, "aws:SecureTransport": "true"})
        assert any(statement.applies(request) for statement in denials) is not permitted, who
    able = {role for role, found in roles(stack).items() if allowed(found, Request(action, seal, ONCE))}
    assert able == ({"SealAuditRole"} if action == "s3:PutObject" else set())
    assert not any(allowed(found, Request(action, seal)) for found in roles(stack).values())
    plain = Request(action, seal, {**ONCE, "aws:PrincipalArn": sealer, "aws:SecureTransport": "false"})
    assert any(statement.applies(plain) for statement in denials)


def test_no_life_cycle_deletes_a_seal_whose_retention_has_ended(stack: Stack) -> None:
    """An administrator shortened the bucket's default retention, and a rule then deleted what the policy protects."""
    bucket = stack.resource("AuditBucket")
    policy = statements([stack.resource("AuditBucketPolicy").properties["PolicyDocument"]])
    everything = statements([{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}])
    context = {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/administrator", "aws:SecureTransport": "true"}

    assert "LifecycleConfiguration" not in bucket.properties
    for action, permitted in (("s3:PutLifecycleConfiguration", False), ("s3:PutBucketTagging", True)):
        request = Request(action, stack.arn("AuditBucket"), context)
        assert allowed([*everything, *policy], request) is permitted


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_sealed_audit_trails_are_locked(mode: str) -> None:
    """Fault S4: a trail that its writer can delete proves nothing."""
    bucket = Stack(TEMPLATE, {"AuditRetentionMode": mode, "AuditRetentionDays": "400"}).resource("AuditBucket")
    assert bucket.properties["ObjectLockEnabled"] is True
    lock = bucket.properties["ObjectLockConfiguration"]
    assert lock == {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, "Days": "400"}}}
    assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}


def test_only_seal_audit_signs(stack: Stack) -> None:
    """Fault S4: a signature that others can make proves nothing; with the same key, no other algorithm is used."""
    key = stack.resource("AuditKey").properties
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    for algorithm, who in (("ECDSA_SHA_256", {"SealAuditRole"}), ("ECDSA_SHA_384", set())):
        context = {"kms:SigningAlgorithm": algorithm}
        assert {role for role in roles(stack) if may(stack, role, "kms:Sign", "AuditKey", context)} == who
        outsider = {**context, "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/administrator"}
        for action in ("kms:Sign", "kms:CreateGrant"):
            assert not allowed(statements([key["KeyPolicy"]]), Request(action, "*", outsider)), action


def test_only_our_own_events_can_be_published(stack: Stack) -> None:
    """Fault S9: the rules of other systems on the same bus must not be started by a compromised function."""
    bus, ours = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default", (SOURCE, RENEWED)
    for source, detail_type, permitted in (
        (*ours, {"CollectRole"}),
        (SOURCE, NOTICE, {"NotifyRole"}),
        (SOURCE, "Certificate Served", {"VerifyServedRole"}),
        (SOURCE, "Certificate Not Served", {"VerifyServedRole"}),
        ("payroll", RENEWED, set()),
        (SOURCE, SEALED, {"SealAuditRole"}),
        ("payroll", SEALED, set()),
        (SOURCE, "Payment Approved", set()),
        ((SOURCE, "payroll"), RENEWED, set()),
        (None, RENEWED, set()),
    ):
        context = {"events:detail-type": detail_type} | ({"events:source": source} if source else {})
        request = Request("events:PutEvents", bus, context)
        assert {role for role, found in roles(stack).items() if allowed(found, request)} == permitted, source


MAIL_IS_ON = {"MailSender": "pki@host.example"}


@pytest.mark.parametrize(
    ("parameters", "action", "resource", "sender", "who"),
    [
        (MAIL_IS_ON, "ses:SendEmail", "identity/pki@host.example", "pki@host.example", {"NotifyRole"}),
        (MAIL_IS_ON, "ses:SendEmail", "identity/host.example", "pki@host.example", {"NotifyRole"}),
        (MAIL_IS_ON, "ses:SendEmail", "configuration-set/certmandate-rao", "pki@host.example", {"NotifyRole"}),
        (MAIL_IS_ON, "ses:SendEmail", "identity/host.example", "director@host.example", set()),
        (MAIL_IS_ON, "ses:SendEmail", "identity/other.example", "pki@host.example", set()),
        (MAIL_IS_ON, "ses:SendRawEmail", "identity/host.example", "pki@host.example", set()),
        ({}, "ses:SendEmail", "identity/host.example", "pki@host.example", set()),
    ],
)
def test_only_notify_sends_mails_and_only_from_the_configured_address(
    parameters: dict[str, str], action: str, resource: str, sender: str, who: set[str]
) -> None:
    """N3: a compromised function must not write in the name of another address of the domain."""
    arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:{resource}"
    request = Request(action, arn, {"ses:FromAddress": sender})
    found = roles(Stack(TEMPLATE, parameters))
    assert {role for role, policy in found.items() if allowed(policy, request)} == who


def test_bounces_of_our_mails_only_invoke_notify() -> None:
    """Another program of the account may send by SES, too, and its bounces have no delegation."""
    stack = Stack(TEMPLATE, MAIL_IS_ON)
    pattern = stack.resource("Bounces").properties["EventPattern"]
    assert pattern["detail"]["mail"]["tags"] == {"ses:configuration-set": [stack.name("MailConfiguration")]}
    permission = stack.resource("BouncesInvokeNotify").properties
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == stack.arn("Bounces")
    variables = stack.resource("NotifyFunction").properties["Environment"]["Variables"]
    assert variables["MAIL_CONFIGURATION_SET"] == stack.name("MailConfiguration")


def test_only_enroll_encrypts_keys_and_only_collect_decrypts_them(stack: Stack) -> None:
    """An attacker needs both functions to steal a key."""
    for action, who in (("kms:Encrypt", "EnrollRole"), ("kms:Decrypt", "CollectRole")):
        able = {role for role in roles(stack) if may(stack, role, action, "OrderKey", ORDER_CONTEXT)}
        assert able == {who}, action


def test_only_the_report_encrypts_alerts_and_only_through_sns(stack: Stack) -> None:
    """Without the key, SNS refuses the alert and the run fails."""
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        for service, permitted in (("sns", {"ReportRole"}), ("logs", set())):
            via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
            assert {role for role in roles(stack) if may(stack, role, action, "WatchKey", via)} == permitted, action


def test_a_key_is_encrypted_and_decrypted_for_a_named_order_only(stack: Stack) -> None:
    """The encryption context binds an encrypted key to its order, and appears in CloudTrail."""
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
def test_the_order_keys_policy_denies_every_other_role_of_the_account(stack: Stack, role: str) -> None:
    """An administrator's `kms:*`, or a role whose name resembles ours, must not decrypt private keys."""
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


@pytest.mark.parametrize("key", ["OrderKey", "StoreKey", "CredentialKey", "WatchKey", "AuditKey"])
def test_the_account_can_always_change_a_keys_policy(stack: Stack, key: str) -> None:
    """The policy of a key without an administrator can never be corrected."""
    policy = stack.resource(key).properties["KeyPolicy"]
    assert allowed(statements([policy]), Request("kms:PutKeyPolicy", "*", {}))


def test_lambda_may_manage_interfaces_as_aws_documents_and_code_may_not(stack: Stack) -> None:
    """AWS lists the actions that Lambda needs (lambda/latest/dg/configuration-vpc.html)."""
    by_lambda, never_by_code = statements([stack.resource("NetworkInterfaces").properties["PolicyDocument"]])
    assert (by_lambda.effect, never_by_code.effect) == ("Allow", "Deny")
    assert set(by_lambda.actions) == {
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
    }  # fmt: skip
    assert set(never_by_code.actions) == {*by_lambda.actions, "ec2:DetachNetworkInterface"}
    assert not by_lambda.conditions


def test_only_dynamodb_may_create_a_grant_on_the_stores_key(stack: Stack) -> None:
    """DynamoDB creates it as the principal that creates the table; any other grant would bypass the policies."""
    policy = statements([stack.resource("StoreKey").properties["KeyPolicy"]])
    for_table = {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
    assert allowed(policy, Request("kms:CreateGrant", "*", for_table))
    for less in ({}, {"kms:ViaService": for_table["kms:ViaService"]}, {"kms:GrantIsForAWSResource": "true"}):
        assert not allowed(policy, Request("kms:CreateGrant", "*", less)), less


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_the_stores_key_is_used_through_the_stores_only(stack: Stack, service: str) -> None:
    """S3 and DynamoDB need the key to store anything; called directly, it decrypts nothing."""
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
    """A service configured in another account must not assume a role of ours (the confused deputy)."""
    for role in stack.resources("AWS::IAM::Role"):
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert list(statement["Principal"]) == ["Service"], role.logical_id
        assert isinstance(statement["Principal"]["Service"], str), role.logical_id
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT, role.logical_id


def test_workflow_roles_are_assumed_for_this_stacks_resources_only(stack: Stack) -> None:
    """Another state machine or schedule of the account must not act with these rights."""
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK_NAME}-renewal"
    wanted = {
        "RenewalRole": ("ArnLike", [machine, f"{machine}/*"]),
        "ScheduleRole": ("StringEquals", f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{STACK_NAME}"),
    }
    for role, (operator, source) in wanted.items():
        (statement,) = stack.resource(role).properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"][operator]["aws:SourceArn"] == source, role


def test_secrets_manager_invokes_a_rotation_for_our_secrets_only(stack: Stack) -> None:
    """Without the permission no password is rotated; without its source any account could invoke it."""
    (permission,) = stack.resources("AWS::Lambda::Permission")
    assert permission.properties == {
        "FunctionName": stack.name("RotatePasswordFunction"),
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": ACCOUNT,
        "SourceArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:certmandate/*",
    }


def test_every_function_has_a_role_of_its_own(stack: Stack) -> None:
    """A shared role grants each function the other's permissions, and SAM creates a wider role by default."""
    used = [function.properties["Role"] for function in stack.resources("AWS::Lambda::Function")]
    assert sorted(used) == sorted({stack.arn(f"{name}Role") for name in LAMBDAS})


def test_the_bucket_takes_no_object_under_another_key(stack: Stack) -> None:
    """A caller's header could override the bucket's encryption; a put without headers must pass."""
    policy = stack.resource("StoreBucketPolicy").properties["PolicyDocument"]
    denials = [statement for statement in statements([policy]) if statement.effect == "Deny"]
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
        assert any(statement.applies(request) for statement in denials) is denied, context
