"""The rotation of a password: the credential's versions, and SCM by exactly one of them."""

from __future__ import annotations

from typing import Protocol

from renewal.domain.credential import Credential


class PinnedAccounts(Protocol):
    """SCM accounts by one exact credential: no newer one is read, no refusal is remembered."""

    def has_password(self, credential: Credential) -> bool:
        """Return whether it has a password that can be changed. Raises CredentialMissing."""

    def accepts(self, credential: Credential) -> bool:
        """Log in once and return whether SCM accepts it. Raises CredentialMissing for an OAuth2 client."""

    def change_password(self, credential: Credential, new: str) -> None:
        """Change the account's password; from then on only *new* logs in. Raises PasswordPolicyRefused."""


class CredentialVault(Protocol):
    """A secret's versions while its password is being replaced. *secret*: its name or ARN."""

    def delegation(self, secret: str) -> str:
        """Name of the delegation whose credential it is. Raises CredentialMissing."""

    def current(self, secret: str) -> Credential:
        """Return the credential that every login uses. Raises CredentialMissing."""

    def pending(self, secret: str) -> Credential | None:
        """Return the credential that is being tried; None when there is none, or when it has become current."""

    def stage(self, secret: str, credential: Credential) -> bool:
        """Store *credential* as the pending one; False when its version has another value already."""

    def promote(self, secret: str, credential: Credential, instead_of: Credential) -> None:
        """Make the pending *credential* the current one. Harmless when it is."""

    def withdraw(self, secret: str, credential: Credential) -> None:
        """Make *credential* no longer the pending one."""
