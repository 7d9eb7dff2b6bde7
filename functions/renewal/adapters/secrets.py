"""SCM credentials in Secrets Manager: for each delegation a secret `<prefix>/<delegation>`, a JSON object of texts."""

from __future__ import annotations

import json
from datetime import UTC, date
from typing import TYPE_CHECKING

from renewal import records
from renewal.adapters.aws import translated
from renewal.domain.credential import Credential
from renewal.domain.errors import CredentialMissing, RenewalError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
_ABSENT = {
    "ResourceNotFoundException": CredentialMissing,
    "InvalidRequestException": CredentialMissing,  # scheduled for deletion, or it never had a value
}


class SecretsManagerCredentials:
    """Reads `<prefix>/<delegation>` once: made for one invocation, so that the next one uses a rotated secret.

    Implements `renewal.adapters.scm.accounts.CredentialSource`.
    """

    def __init__(self, client: SecretsManagerClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._read_before: dict[str, Credential] = {}

    def current(self, delegation: str) -> Credential:
        return self._read_before.get(delegation) or self.latest(delegation)

    def latest(self, delegation: str) -> Credential:
        self._read_before.pop(delegation, None)
        credential = self._read(delegation, CURRENT)
        self._read_before[delegation] = credential
        return credential

    def pending(self, delegation: str) -> Credential | None:
        """It is the valid one when the rotation ended between the change at SCM and its last step."""
        try:
            return self._read(delegation, PENDING)
        except CredentialMissing:
            return None

    def _read(self, delegation: str, stage: str) -> Credential:
        name = f"{self._prefix}/{delegation}"
        try:
            version, text = _fetched(self._client, name, stage)
        except CredentialMissing as missing:
            msg = f"secret '{name}': {str(missing).rstrip('.')}; store it with `certmandate credential {delegation}`"
            raise CredentialMissing(msg) from missing
        return _credential(name, version, text)


class SecretsManagerVault:
    """A credential's versions while its password is being replaced.

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
        return _credential(secret, *_fetched(self._client, secret, CURRENT))

    def pending(self, secret: str) -> Credential | None:
        try:
            version, text = _fetched(self._client, secret, PENDING)
        except CredentialMissing:
            return None
        is_current = version == _fetched(self._client, secret, CURRENT)[0]
        return None if is_current else _credential(secret, version, text)

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

    @translated("secretsmanager:DescribeSecret", _ABSENT)
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

    @translated("secretsmanager:DescribeSecret", _ABSENT)
    def _next(self, secret: str) -> date | None:
        described = self._client.describe_secret(SecretId=secret)
        is_set = described.get("RotationEnabled") and "NextRotationDate" in described
        return described["NextRotationDate"].astimezone(UTC).date() if is_set else None


@translated("secretsmanager:GetSecretValue", _ABSENT)
def _fetched(client: SecretsManagerClient, secret: str, stage: str) -> tuple[str, str]:
    """Return the version that has the label *stage*, and its value."""
    answer = client.get_secret_value(SecretId=secret, VersionStage=stage)
    return answer["VersionId"], answer.get("SecretString", "")


def _credential(secret: str, version: str, text: str) -> Credential:
    """Read a JSON object of texts. Raises CredentialMissing for any other *text*, which no error quotes."""
    document = records.parsed(text)
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        msg = (
            f"secret '{secret}' must be a JSON object whose members are texts; store it again with "
            "`certmandate credential`"
        )
        raise CredentialMissing(msg)
    return Credential(version, document)
