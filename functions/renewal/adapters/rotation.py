"""A credential's versions in Secrets Manager while its password is being replaced."""

from __future__ import annotations

import json
from datetime import UTC, date
from typing import TYPE_CHECKING

from renewal.adapters.aws import translated
from renewal.adapters.secrets import ABSENT, document_of
from renewal.domain.credential import Credential
from renewal.domain.errors import CredentialMissing, RenewalError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"


class SecretsManagerVault:
    """Secrets are called `<prefix>/<delegation>`.

    Secrets Manager marks the two versions with labels. A pending label on the current version (a rotation ends so) or
    on a version without a value (it may begin so) is no pending password.
    """

    def __init__(self, client: SecretsManagerClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def delegation(self, secret: str) -> str:
        """Raise CredentialMissing for a secret with another prefix."""
        name = self._name(secret)
        if not name.startswith(f"{self._prefix}/"):
            msg = f"secret '{name}' is not called {self._prefix}/<delegation>; rotate only secrets of delegations"
            raise CredentialMissing(msg)
        return name.removeprefix(f"{self._prefix}/")

    def current(self, secret: str) -> Credential:
        """Read the version with the label AWSCURRENT. Raises CredentialMissing."""
        return _credential(*self._read(secret, CURRENT))

    def pending(self, secret: str) -> Credential | None:
        """Read the version with the label AWSPENDING, unless it is the current one."""
        try:
            version, text = self._read(secret, PENDING)
        except CredentialMissing:
            return None
        return _credential(version, text) if version != self._read(secret, CURRENT)[0] else None

    @translated("secretsmanager:PutSecretValue")
    def stage(self, secret: str, credential: Credential) -> bool:
        """Use the version as the request's token: Secrets Manager never changes a version's value."""
        try:
            self._client.put_secret_value(
                SecretId=secret,
                ClientRequestToken=credential.version,
                SecretString=json.dumps(dict(credential.members)),
                VersionStages=[PENDING],
            )
        except self._client.exceptions.ResourceExistsException:
            return False
        return True

    @translated("secretsmanager:UpdateSecretVersionStage")
    def promote(self, secret: str, credential: Credential, instead_of: Credential) -> None:
        """Move the current label; Secrets Manager labels the old version AWSPREVIOUS automatically."""
        self._client.update_secret_version_stage(
            SecretId=secret,
            VersionStage=CURRENT,
            MoveToVersionId=credential.version,
            RemoveFromVersionId=instead_of.version,
        )

    @translated("secretsmanager:UpdateSecretVersionStage")
    def withdraw(self, secret: str, credential: Credential) -> None:
        """Remove the pending label, which blocks a later rotation."""
        self._client.update_secret_version_stage(
            SecretId=secret, VersionStage=PENDING, RemoveFromVersionId=credential.version
        )

    @translated("secretsmanager:GetSecretValue", ABSENT)
    def _read(self, secret: str, stage: str) -> tuple[str, str]:
        answer = self._client.get_secret_value(SecretId=secret, VersionStage=stage)
        return answer["VersionId"], answer.get("SecretString", "")

    @translated("secretsmanager:DescribeSecret", ABSENT)
    def _name(self, secret: str) -> str:
        return str(self._client.describe_secret(SecretId=secret)["Name"])


class ScheduledRotations:
    """When Secrets Manager is going to replace the password in `<prefix>/<delegation>`, by its own schedule.

    A stored interval would be wrong as soon as it was changed there, or a rotation failed.
    """

    def __init__(self, client: SecretsManagerClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def __call__(self, delegation: str) -> date | None:
        """Return the last day on which it may happen (UTC), in the past when it failed; None when none is set.

        None, too, when Secrets Manager refuses or does not answer: a mere warning must not stop a run.
        """
        try:
            return self._next(f"{self._prefix}/{delegation}")
        except RenewalError:
            return None

    @translated("secretsmanager:DescribeSecret", ABSENT)
    def _next(self, secret: str) -> date | None:
        described = self._client.describe_secret(SecretId=secret)
        is_set = described.get("RotationEnabled") and "NextRotationDate" in described
        return described["NextRotationDate"].astimezone(UTC).date() if is_set else None


def _credential(version: str, text: str) -> Credential:
    document = document_of(text)
    if document is None:
        msg = "the stored credential must be a JSON object of texts; store it again with `certmandate credential`"
        raise CredentialMissing(msg)
    return Credential(version, document)
