"""Least privilege, by mutation: each permission of a function's role is taken away once, and a run has to notice."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stack.rehearsal_deployed import STACK, Deployed

ROLES = ("CheckExpiryRole", "InspectDelegationRole", "EnrollRole", "CollectRole", "ReportRole")
"""Those of the functions that a run invokes. ministack does not enforce the state machine's and Scheduler's."""

_BY_LAMBDA = "ministack writes the logs without asking the role"
_BY_SERVICES = "ministack's DynamoDB and S3 open their data without asking for the key"
_NO_ACM = "certificates go to S3 only: ministack's ACM does not look at them"
_NO_FAILURE = "needed when an order fails or another run has ended it"
_NOTHING_REPLACED = "every certificate is the first of its name"
UNNOTICED: Mapping[str, str] = {
    **{f"{role} Logs logs:{action}": _BY_LAMBDA for role in ROLES for action in ("CreateLogStream", "PutLogEvents")},
    **{f"{role} StoreKey kms:Decrypt": _BY_SERVICES for role in ROLES},
    **{
        f"{role} StoreKey kms:GenerateDataKey": _BY_SERVICES
        for role in ("CheckExpiryRole", "CollectRole", "ReportRole")
    },
    "InspectDelegationRole Credential secretsmanager:DescribeSecret": "it serves a warning, and stops no run",
    "EnrollRole ForeseeRefusals acm:DescribeCertificate": _NO_ACM,
    "CollectRole Acm acm:ImportCertificate": _NO_ACM,
    "CollectRole Acm acm:DescribeCertificate": _NO_ACM,
    "CollectRole TagNewImports acm:AddTagsToCertificate": _NO_ACM,
    "CollectRole FindEarlierImport acm:ListCertificates": _NO_ACM,
    "EnrollRole Book dynamodb:Query": _NO_FAILURE,
    "EnrollRole Book dynamodb:DeleteItem": _NO_FAILURE,
    "CollectRole Book dynamodb:Query": _NO_FAILURE,
    "CollectRole EraseReplacedKeys s3:DeleteObjectVersion": _NOTHING_REPLACED,
    "CollectRole FindVersionsOfReplacedKeys s3:ListBucketVersions": _NOTHING_REPLACED,
    "CollectRole TellMissingFromForbidden s3:ListBucket": "ministack says that an object is missing to everybody",
}
"""What a run here cannot notice, and why; tests/stack/test_exercised.py takes these away from the policies instead."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action in one statement of a role's own policies."""

    role: str
    policy: str
    statement: int
    action: str
    sid: str

    def __str__(self) -> str:
        """Return how people name it."""
        return f"{self.role} {self.sid} {self.action}"


class Roles:
    """The roles of a deployed stack."""

    def __init__(self, deployed: Deployed) -> None:
        """Read their policies."""
        self._iam = deployed.aws.client("iam")
        listed = [one["RoleName"] for one in self._iam.list_roles()["Roles"]]
        self._names = {role: next(name for name in listed if name.startswith(f"{STACK}-{role}")) for role in ROLES}
        self._policies: Mapping[tuple[str, str], dict[str, Any]] = {
            (role, policy): self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for role, name in self._names.items()
            for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        }

    def grants(self) -> Iterator[Grant]:
        """Yield everything that is allowed."""
        for (role, policy), document in self._policies.items():
            for index, statement in enumerate(document["Statement"]):
                if statement["Effect"] == "Allow":
                    for action in _actions(statement):
                        yield Grant(role, policy, index, action, statement["Sid"])

    @contextmanager
    def without(self, grant: Grant) -> Iterator[None]:
        """Take one away for a while."""
        document = copy.deepcopy(self._policies[grant.role, grant.policy])
        statement = document["Statement"][grant.statement]
        statement["Action"] = [one for one in _actions(statement) if one != grant.action]
        if not statement["Action"]:
            del document["Statement"][grant.statement]
        self._put(grant, document)
        try:
            yield
        finally:
            self._put(grant, self._policies[grant.role, grant.policy])

    def _put(self, grant: Grant, document: Mapping[str, Any]) -> None:
        name = self._names[grant.role]
        if document["Statement"]:
            self._iam.put_role_policy(RoleName=name, PolicyName=grant.policy, PolicyDocument=json.dumps(document))
        else:
            self._iam.delete_role_policy(RoleName=name, PolicyName=grant.policy)


def _actions(statement: Mapping[str, Any]) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else list(actions)


def superfluous(deployed: Deployed) -> tuple[int, list[Grant]]:
    """Take away, one at a time, what a run can notice; return how many that were, and those that nothing missed."""
    roles, missed = Roles(deployed), []
    noticeable = [grant for grant in roles.grants() if str(grant) not in UNNOTICED]
    for number, grant in enumerate(noticeable):
        with roles.without(grant):
            if deployed.run(f"without-{number}", f"c{number + 1}"):
                missed.append(grant)
    return len(noticeable), missed
