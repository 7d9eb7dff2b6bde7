"""SCM credentials in Secrets Manager: one secret per delegation, a JSON object."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from renewal.adapters.aws import translated
from renewal.adapters.scm.accounts import StoredCredential
from renewal.domain.errors import CredentialMissing

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

CACHE_SECONDS = 300

ABSENT = {
    "ResourceNotFoundException": CredentialMissing,
    "InvalidRequestException": CredentialMissing,  # scheduled for deletion, or it never had a value
}


class SecretsManagerCredentials:
    """Reads `<prefix>/<delegation>`, and remembers it for five minutes.

    *monotonic* returns seconds and never goes back.
    """

    def __init__(
        self, client: SecretsManagerClient, prefix: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._monotonic = monotonic
        self._remembered: dict[str, tuple[float, StoredCredential]] = {}

    def current(self, delegation: str) -> StoredCredential:
        """Return the delegation's credential, at most five minutes old. Raises CredentialMissing."""
        read_at, credential = self._remembered.get(delegation, (0.0, None))
        if credential is None or self._monotonic() - read_at >= CACHE_SECONDS:
            return self.latest(delegation)
        return credential

    def latest(self, delegation: str) -> StoredCredential:
        """Return what is stored now; `current` says the same from then on. Raises CredentialMissing."""
        self._remembered.pop(delegation, None)
        credential = self._read(delegation)
        self._remembered[delegation] = (self._monotonic(), credential)
        return credential

    def pending(self, delegation: str) -> StoredCredential | None:
        """Return the credential that a rotation has stored and not proved yet; None when there is none, or none usable.

        It is the right one when the rotation ended between the change at SCM and its last step.
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
            msg = f"secret '{name}' can't be read: {missing}; store the account's credential under that name"
            raise CredentialMissing(msg) from None
        document = document_of(text)
        if document is None:
            msg = f"secret '{name}' must be a JSON object whose members are texts; store it anew in that form"
            raise CredentialMissing(msg)
        return StoredCredential(version, document)

    @translated("secretsmanager:GetSecretValue", ABSENT)
    def _fetch(self, name: str, stage: str) -> tuple[str, str]:
        answer = self._client.get_secret_value(SecretId=name, VersionStage=stage)
        return answer["VersionId"], answer.get("SecretString", "")


def document_of(text: str) -> dict[str, str] | None:
    """Read the secret's text without ever quoting it; None when it is of another form."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        return None
    return document
