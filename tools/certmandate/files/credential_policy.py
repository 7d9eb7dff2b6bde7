"""The resource policy of a delegation's secret."""

from __future__ import annotations

import json
from collections.abc import Iterable


def credential_policy(readers: Iterable[str]) -> str:
    """Return the JSON by which only *readers*, ARNs of roles, read the secret, whatever IAM permits to others."""
    statement = {
        "Sid": "ReadByTheseRolesOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",  # in a secret's policy: this secret
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": list(readers)}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
