"""SCM credentials in Secrets Manager: one secret per delegation, a JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from renewal.adapters.aws import translated
from renewal.adapters.scm.accounts import StoredCredential
from renewal.domain.errors import CredentialMissing

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

ABSENT = {
    "ResourceNotFoundException": CredentialMissing,
    "InvalidRequestException": CredentialMissing,  # scheduled for deletion, or it never had a value
}


class SecretsManagerCredentials:
    """Reads `<prefix>/<delegation>` once: made for one invocation, so that the next one uses a rotated secret."""

    def __init__(self, client: SecretsManagerClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._read_before: dict[str, StoredCredential] = {}

    def current(self, delegation: str) -> StoredCredential:
        """Return the delegation's credential, as it was read first or by `latest`. Raises CredentialMissing."""
        return self._read_before.get(delegation) or self.latest(delegation)

    def latest(self, delegation: str) -> StoredCredential:
        """Return what is stored now; `current` returns the same from then on. Raises CredentialMissing."""
        self._read_before.pop(delegation, None)
        credential = self._read(delegation)
        self._read_before[delegation] = credential
        return credential

    def pending(self, delegation: str) -> StoredCredential | None:
        """Return the credential that a rotation has stored and not proved yet; None when there is no usable one.

        It is the valid one when the rotation ended between the change at SCM and its last step.
        """
        try:
            return self._read(delegation, "AWSPENDING")
        except CredentialMissing:
            return None

    def _read(self, delegation: str, stage: str = "AWSCURRENT") -> StoredCredential:
        name = f"{self._prefix}/{delegation}"
        try:
            version, text = self._fetch(name, stage)
        except CredentialMissing as missing:
            msg = f"secret '{name}' cannot be read: {missing}; store the credential with `certmandate credential`"
            raise CredentialMissing(msg) from missing
        document = document_of(text)
        if document is None:
            msg = f"secret '{name}' must be a JSON object whose members are texts; store it again in that form"
            raise CredentialMissing(msg)
        return StoredCredential(version, document)

    @translated("secretsmanager:GetSecretValue", ABSENT)
    def _fetch(self, name: str, stage: str) -> tuple[str, str]:
        answer = self._client.get_secret_value(SecretId=name, VersionStage=stage)
        return answer["VersionId"], answer.get("SecretString", "")


def document_of(text: str) -> dict[str, str] | None:
    """Return the members of a JSON object of texts; None for any other *text*. No error quotes it."""
    try:
        document = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        return None
    return document
