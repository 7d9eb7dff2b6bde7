"""What each function's role permits to an attacker who runs code as that function: the table of docs/security.md.

Every row is an attack on another delegation, on the record, or on those who watch; what no policy prevents has to be in
the document, with what shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from local.cloudformation.parameters import ACCOUNT, REGION
from stack.permissions import functions
from stack.policy import Request, allowed
from stack.resolved import IN_A_VPC, Stack

ROOT = Path(__file__).resolve().parents[2]
WITH_MAIL = {**IN_A_VPC, "MailSender": "pki@host.example"}
EVERY = frozenset(
    ("check_expiry", "inspect_delegation", "enroll", "plan_collection", "collect", "verify_served", "report", "notify",
     "rotate_password", "seal_audit")
)  # fmt: skip
BY_LOGIN = frozenset(("inspect_delegation", "enroll", "collect", "rotate_password"))
VICTIM = "victim"


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def status(*attributes: str, partition: str = VICTIM) -> Callable[[Stack], Request]:
    """An update of attributes of another delegation's item."""
    named = {"dynamodb:Attributes": ("delegation", "item", *attributes), "dynamodb:LeadingKeys": (partition,)}
    return lambda stack: Request("dynamodb:UpdateItem", stack.arn("OrdersTable"), named)


def row(*attributes: str, partition: str = VICTIM) -> Callable[[Stack], Request]:
    """A put of a whole item into the audit table, which replaces the one with its key."""
    named = {"dynamodb:Attributes": ("delegation", "item", *attributes), "dynamodb:LeadingKeys": (partition,)}
    return lambda stack: Request("dynamodb:PutItem", stack.arn("AuditTable"), named)


def stored(action: str, key: str) -> Callable[[Stack], Request]:
    """An action on an object of the store bucket."""
    return lambda stack: Request(f"s3:{action}", f"{stack.arn('StoreBucket')}/{key}")


def on(action: str, resource: str, **context: str) -> Callable[[Stack], Request]:
    """An action on something else of the account."""
    given = {name.replace("__", ":").replace("_", "-"): value for name, value in context.items()}
    return lambda _: Request(action, resource, given)


def tagging(owner: str | None) -> Callable[[Stack], Request]:
    """Naming an owner in the tag of the victim's certificate, which has that of *owner*, or none."""
    has = {"aws:ResourceTag/certmandate:delegation": owner} if owner else {}
    named = {"aws:TagKeys": "certmandate:delegation", **has}
    return lambda _: Request("acm:AddTagsToCertificate", ACM_OF_THE_VICTIM, named)


FOLDER = f"certificates/{VICTIM}/idp"
SECRET = _arn("secretsmanager", f"secret:certmandate/{VICTIM}-AbCdEf")
ACM_OF_THE_VICTIM = _arn("acm", "certificate/of-the-victim")
FUNCTION = _arn("lambda", "function:certmandate-CollectFunction-1")

ATTACKS: Mapping[str, tuple[Callable[[Stack], Request], frozenset[str]]] = {
    # One delegation's work is used against another.
    "S1: import into another delegation's ARN": (
        on("acm:ImportCertificate", ACM_OF_THE_VICTIM),
        frozenset({"collect"}),
    ),
    "S1: delete its ARN": (on("acm:DeleteCertificate", ACM_OF_THE_VICTIM), frozenset()),
    "S1: take over its ARN by its tag": (
        on("acm:RemoveTagsFromCertificate", ACM_OF_THE_VICTIM, aws__TagKeys="certmandate:delegation"),
        frozenset(),
    ),
    "S1: change the tag of its ARN": (tagging(VICTIM), frozenset()),
    "S1: tag its adopted certificate": (tagging(None), frozenset({"collect"})),
    "S1: write into its folder": (stored("PutObject", f"{FOLDER}/current.json"), frozenset({"collect"})),
    "S2: read its stored key": (stored("GetObject", f"{FOLDER}/00AB/privkey.pem"), frozenset()),
    "S3: use its credential": (on("secretsmanager:GetSecretValue", SECRET), BY_LOGIN),
    "S3: replace its credential": (on("secretsmanager:PutSecretValue", SECRET), frozenset({"rotate_password"})),
    "S3: let others read its credential": (on("secretsmanager:PutResourcePolicy", SECRET), frozenset()),
    "S3: delete its credential": (on("secretsmanager:DeleteSecret", SECRET), frozenset()),
    "S8: delete its stored key": (stored("DeleteObjectVersion", f"{FOLDER}/00AB/privkey.pem"), frozenset({"collect"})),
    "S8: delete its certificate": (stored("DeleteObjectVersion", f"{FOLDER}/00AB/fullchain.pem"), frozenset()),
    # The record is rewritten.
    "S4: change what it orders": (status("spec"), frozenset()),
    "S4: change who asked": (status("asked_by", "revision"), frozenset()),
    "S4: permit a second order": (status("order_again", "revision"), frozenset()),
    "S4: make it due": (status("asked", "next_action_at", "revision"), frozenset({"collect"})),
    "S4: put it off": (status("hold_until", "next_action_at", "revision"), frozenset({"enroll", "collect"})),
    "S4: change what is stored": (status("served", "revision"), frozenset({"collect"})),
    "S4: replace its open order": (status("csr", "names", "sealed_key"), frozenset({"enroll", "collect"})),
    "S4: hide findings": (status("inspection"), frozenset({"inspect_delegation"})),
    "S4: forge the proof of a search": (status("search_proof"), frozenset({"inspect_delegation", "enroll", "collect"})),
    "S4: forge what clients meet": (status("service"), frozenset({"verify_served"})),
    "S4: forget what the RAO was notified of": (status("notices"), frozenset({"notify"})),
    "S4: forget what must be revoked": (status("revocations"), frozenset()),
    "S4: raise the caps": (status("caps", partition="#estate"), frozenset()),
    "S4: end a replacement rule": (status("ended_at", partition="#estate"), frozenset({"check_expiry"})),
    "S4: add or replace the row of an order": (row("token", "sequence", "serial"), frozenset({"collect"})),
    "S4: add or replace the row of a refused order": (row("token", "sequence"), frozenset({"enroll", "collect"})),
    "S4: replace the row of a replacement rule": (row("token", "sequence", partition="#estate"), frozenset()),
    "S4: add an operator's action": (row("action", "at", "identity", "sequence"), frozenset()),
    "S4: acknowledge a thief's order": (row("key", "at", "identity", "sequence"), frozenset()),
    "S4: delete a row": (lambda stack: Request("dynamodb:DeleteItem", stack.arn("AuditTable")), frozenset()),
    "S4: drop the trail": (lambda stack: Request("dynamodb:DeleteTable", stack.arn("AuditTable")), frozenset()),
    "S4: sign a false head": (
        lambda stack: Request("kms:Sign", stack.arn("AuditKey"), {"kms:SigningAlgorithm": "ECDSA_SHA_256"}),
        frozenset({"seal_audit"}),
    ),
    "S4: replace a seal": (
        lambda stack: Request("s3:PutObject", f"{stack.arn('AuditBucket')}/audit/{VICTIM}/1.json"),
        frozenset(),
    ),
    "S4: end the lock of a seal": (
        lambda stack: Request("s3:BypassGovernanceRetention", f"{stack.arn('AuditBucket')}/audit/{VICTIM}/1.json"),
        frozenset(),
    ),
    # Those who watch are deceived.
    "S9: write a forged plan": (stored("PutObject", "runs/daily/plan.json"), frozenset({"check_expiry"})),
    "S9: leave open orders out": (stored("PutObject", "runs/daily/collection.json"), frozenset({"plan_collection"})),
    "S9: replace an old report": (stored("PutObject", "runs/earlier/report.json"), frozenset()),
    "S9: forget what was alerted": (stored("PutObject", "runs/notified.json"), frozenset({"report"})),
    "S9: forge metrics": (
        lambda stack: Request("logs:PutLogEvents", f"{stack.arn('FunctionLogs')}:log-stream:x"),
        EVERY,
    ),
    "S9: delete logs": (lambda stack: Request("logs:DeleteLogStream", stack.arn("FunctionLogs")), frozenset()),
    "S9: silence an alarm": (on("cloudwatch:DisableAlarmActions", "*"), frozenset()),
    "S9: stop a schedule": (on("scheduler:UpdateSchedule", "*"), frozenset()),
    "S9: write to an RAO": (
        on("ses:SendEmail", _arn("ses", "identity/host.example"), ses__FromAddress="pki@host.example"),
        frozenset({"notify"}),
    ),
    # More rights are taken.
    "change the code of another function": (on("lambda:UpdateFunctionCode", FUNCTION), frozenset()),
    "start another function": (on("lambda:InvokeFunction", FUNCTION), frozenset()),
    "start a run": (on("states:StartExecution", _arn("states", "stateMachine:certmandate-renewal")), frozenset()),
    "assume another role": (on("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/any"), frozenset()),
    "pass a role": (on("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/any"), frozenset()),
    "change a role": (on("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/any"), frozenset()),
    "tag a role as a consumer": (on("iam:TagRole", f"arn:aws:iam::{ACCOUNT}:role/any"), frozenset()),
    "change a key's policy": (on("kms:PutKeyPolicy", _arn("kms", "key/any")), frozenset()),
    "change a bucket's policy": (on("s3:PutBucketPolicy", "arn:aws:s3:::any"), frozenset()),
}


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The stack with every permission that a parameter adds."""
    return Stack(ROOT / "template.yaml", WITH_MAIL)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_compromised_role_can_do_what_the_table_has(stack: Stack, attack: str) -> None:
    """A right that is added to a role changes a row: then the document has to state what shows its misuse."""
    request, permitted = ATTACKS[attack]

    assert {name for name, found in functions(stack).items() if allowed(found, request(stack))} == permitted


def test_the_document_has_a_row_for_every_function(stack: Stack) -> None:
    """Of each function, what an attacker could do with it, and what would show it."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = text.partition("| a compromised ")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", table, flags=re.MULTILINE)

    assert [name for name, _, _ in rows] == list(dict.fromkeys(name for name, _, _ in rows))
    assert {name for name, _, _ in rows} == set(functions(stack)) == EVERY
