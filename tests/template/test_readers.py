"""Who reads a stored key, and who reads a credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from certmandate.files.credential_policy import credential_policy
from local.cloudformation.parameters import ACCOUNT, REGION
from stack.policy import Request, Statement, allowed, statements
from stack.resolved import IN_A_VPC, Stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
OPERATORS = f"arn:aws:iam::{ACCOUNT}:role/operators"
READERS = ("InspectDelegationRole", "EnrollRole", "CollectRole", "RotatePasswordRole")
ANYTHING = statements([{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}])
"""An administrator's policy."""
TAG = "aws:PrincipalTag/certmandate-delegation"
FOLDER = "certificates/univ/idp"
KEY, POINTER, REPORT = f"{FOLDER}/00AB/privkey.pem", f"{FOLDER}/current.json", "runs/daily/report.json"
OF_A_HOST = "served/univ/web-1.json"
READING = ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionForReplication", "s3:GetObjectTorrent")
"""The first is what our roles use; an administrator could also have S3 copy the bucket to another one."""
BY_SECRETS_MANAGER = f"secretsmanager.{REGION}.amazonaws.com"


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The stack with an operators' role."""
    return Stack(TEMPLATE, {**IN_A_VPC, "OperatorsRole": OPERATORS})


def arn(stack: Stack, who: str) -> str:
    return stack.arn(who) if who.endswith("Role") else f"arn:aws:iam::{ACCOUNT}:role/{who}"


def own_policies(stack: Stack, who: str) -> list[Statement]:
    return statements(stack.policies(who)) if who.endswith("Role") else ANYTHING


def in_bucket(stack: Stack, who: str, tags: Mapping[str, str], request: Request) -> bool:
    """Return whether both the principal's policies and the bucket's permit the request."""
    context = {"aws:PrincipalArn": arn(stack, who), "aws:SecureTransport": "true", **tags, **request.context}
    policy = statements([stack.resource("StoreBucketPolicy").properties["PolicyDocument"]])
    return allowed([*own_policies(stack, who), *policy], Request(request.action, request.resource, context))


@pytest.mark.parametrize(
    ("who", "delegation", "key", "permitted"),
    [
        ("web", "univ", KEY, True),
        ("web", "univ", POINTER, True),
        ("web", "univ", "certificates/univ-2/idp/00AB/privkey.pem", False),
        ("web", "univ", REPORT, False),
        ("web", "other", KEY, False),
        ("web", "other", POINTER, False),
        ("web", "", KEY, False),
        ("administrator", None, KEY, False),
        ("administrator", None, POINTER, False),
        ("administrator", None, REPORT, True),
        ("operators", None, POINTER, True),
        ("operators", None, f"{FOLDER}/00AB/cert.pem", True),
        ("operators", None, KEY, False),
        ("operators", "univ", KEY, True),
        ("CollectRole", None, POINTER, True),
        ("InspectDelegationRole", None, POINTER, True),
        ("InspectDelegationRole", None, f"{FOLDER}/00AB/cert.pem", True),
        *(
            (role, None, KEY, False)
            for role in (*READERS, "CheckExpiryRole", "ReportRole", "NotifyRole", "RenewalRole")
        ),
    ],
)
def test_a_stored_key_is_read_by_consumers_of_its_delegation_only(
    stack: Stack, who: str, delegation: str | None, key: str, permitted: bool
) -> None:
    """S8: any principal with `s3:GetObject` read every private key. A consumer is a role with the delegation's tag."""
    tags = {} if delegation is None else {TAG: delegation}
    for action in READING[: 1 if who.endswith("Role") else None]:
        request = Request(action, f"{stack.arn('StoreBucket')}/{key}")
        assert in_bucket(stack, who, tags, request) is permitted, action


@pytest.mark.parametrize(
    ("prefix", "permitted"), [({"s3:prefix": f"{FOLDER}/"}, True), ({"s3:prefix": "certificates/"}, False), ({}, False)]
)
def test_a_consumer_lists_its_own_delegation_only(stack: Stack, prefix: dict[str, str], permitted: bool) -> None:
    """S8: the names of others' certificates are not its business."""
    request = Request("s3:ListBucket", stack.arn("StoreBucket"), prefix)

    assert in_bucket(stack, "web", {TAG: "univ"}, request) is permitted


@pytest.mark.parametrize(
    ("who", "delegation", "action", "key", "permitted"),
    [
        ("web", "univ", "s3:PutObject", OF_A_HOST, True),
        ("web", "univ", "s3:GetObject", OF_A_HOST, False),
        ("web", "univ", "s3:GetObjectVersion", OF_A_HOST, False),
        ("web", "univ", "s3:DeleteObject", OF_A_HOST, False),
        ("web", "univ", "s3:DeleteObjectVersion", OF_A_HOST, False),
        ("web", "univ", "s3:PutObject", "served/univ-2/web-1.json", False),
        ("web", "univ", "s3:PutObject", POINTER, False),
        ("web", "univ", "s3:DeleteObject", POINTER, False),
        ("web", "univ", "s3:PutObjectTagging", KEY, False),
        ("web", "univ", "s3:PutObject", REPORT, False),
        ("web", "", "s3:PutObject", OF_A_HOST, False),
        ("administrator", None, "s3:PutObject", OF_A_HOST, False),
        ("administrator", None, "s3:GetObject", OF_A_HOST, True),
        ("CollectRole", None, "s3:PutObject", OF_A_HOST, False),
    ],
)
def test_a_report_of_a_host_is_written_by_its_delegation_only(
    stack: Stack, who: str, delegation: str | None, action: str, key: str, permitted: bool
) -> None:
    """A report counts as a proof that a certificate is served; a server writes that and nothing else."""
    tags = {} if delegation is None else {TAG: delegation}
    assert in_bucket(stack, who, tags, Request(action, f"{stack.arn('StoreBucket')}/{key}")) is permitted


def test_the_policy_of_the_documents_suffices_for_a_server(stack: Stack) -> None:
    """docs/servers.md has it for every server: with less, a run fails; with the tag, more would do no harm."""
    text = (
        (TEMPLATE.parent / "docs" / "servers.md")
        .read_text(encoding="utf-8")
        .partition("```json\n")[2]
        .partition("```")[0]
    )
    for name, value in {
        "arn:aws:s3:::BUCKET": stack.arn("StoreBucket"), "DELEGATION": "univ", "STORE_KEY_ARN": stack.arn("StoreKey"),
        "REGION": REGION,
    }.items():  # fmt: skip
        text = text.replace(name, value)
    own = statements([json.loads(text)])
    bucket = statements([stack.resource("StoreBucketPolicy").properties["PolicyDocument"]])
    context = {"aws:PrincipalArn": arn(stack, "web"), "aws:SecureTransport": "true", TAG: "univ"}

    for action, key in (("s3:GetObject", POINTER), ("s3:GetObject", KEY), ("s3:PutObject", OF_A_HOST)):
        assert allowed([*own, *bucket], Request(action, f"{stack.arn('StoreBucket')}/{key}", context)), key
    key_policy = statements([stack.resource("StoreKey").properties["KeyPolicy"]])
    through_s3 = {"kms:CallerAccount": ACCOUNT, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert allowed(own, Request(action, stack.arn("StoreKey"), through_s3))
        assert allowed(key_policy, Request(action, "*", through_s3))


def readers_of_a_credential(stack: Stack, operators: list[str]) -> set[str]:
    """Who of the functions and others may read a secret, by its policy and by its key's."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:certmandate/univ-AbCdEf"
    document = json.loads(credential_policy([*stack.output("CredentialReaders").split(","), *operators]))
    key_policy = statements([stack.resource("CredentialKey").properties["KeyPolicy"]])
    found = set()
    for who in (*READERS, "CheckExpiryRole", "ReportRole", "NotifyRole", "RenewalRole", "operators", "administrator"):
        context = {"aws:PrincipalArn": arn(stack, who), "kms:CallerAccount": ACCOUNT}
        own = own_policies(stack, who)
        reads = allowed([*own, *statements([document])], Request("secretsmanager:GetSecretValue", secret, context))
        context = {**context, "kms:ViaService": BY_SECRETS_MANAGER, "kms:EncryptionContext:SecretARN": secret}
        decrypts = allowed(own, Request("kms:Decrypt", stack.arn("CredentialKey"), context))
        assert reads == (decrypts and allowed(key_policy, Request("kms:Decrypt", "*", context))), who
        found |= {who} if reads else set()
    return found


def test_a_credential_is_read_by_the_functions_that_log_in_only(stack: Stack) -> None:
    """S8: any principal with `GetSecretValue` read every credential. Policy and key agree, and each would suffice."""
    assert readers_of_a_credential(stack, [OPERATORS]) == {*READERS, "operators"}
    assert readers_of_a_credential(Stack(TEMPLATE, IN_A_VPC), []) == set(READERS)


def test_the_credential_key_is_used_through_secrets_manager_only(stack: Stack) -> None:
    """Operators store a credential with it, and Secrets Manager tests it then; nothing decrypts with it directly."""
    policy = statements([stack.resource("CredentialKey").properties["KeyPolicy"]])
    context = {"aws:PrincipalArn": OPERATORS, "kms:CallerAccount": ACCOUNT, "kms:ViaService": BY_SECRETS_MANAGER}
    tested = {"kms:EncryptionContext:SecretARN": "RequestToValidateKeyAccess"}

    assert allowed(policy, Request("kms:GenerateDataKey", "*", context))
    assert allowed(policy, Request("kms:Decrypt", "*", {**context, "aws:PrincipalArn": "any", **tested}))
    for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"):
        assert not allowed(policy, Request(action, "*", {**context, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}))
