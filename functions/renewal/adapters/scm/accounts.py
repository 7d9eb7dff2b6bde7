"""SCM accounts by delegation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """What is stored for a delegation's account; its repr shows the version only."""

    version: str
    """Changes when somebody stores another credential."""
    document: Mapping[str, str] = field(repr=False)
    """The members that `renewal.adapters.scm.credential` names."""


class CredentialSource(Protocol):
    """Where the credentials are stored."""

    def current(self, delegation: str) -> StoredCredential:
        """Return the delegation's credential, from a cache if there is one. Raises CredentialMissing."""

    def latest(self, delegation: str) -> StoredCredential:
        """Return what is stored at this moment, past any cache; `current` says the same from then on."""
