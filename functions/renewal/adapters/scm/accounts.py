"""SCM accounts by delegation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from renewal.adapters.scm.account import Account
from renewal.adapters.scm.authentication import ClientCredentials, HeaderLogin, Login
from renewal.adapters.scm.client import ScmClient
from renewal.adapters.scm.credential import ClientCredentialsCredential, credential_from
from renewal.ports import Accounts, CertificateAuthority, Clock


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

    def pending(self, delegation: str) -> StoredCredential | None:
        """Return what a rotation has stored and not proved yet; None when there is nothing."""


class ScmAccounts(Accounts):
    """Accounts with a header login at *base_url*, OAuth2 clients at *oauth_base_url*; both end in `/api`."""

    def __init__(
        self,
        source: CredentialSource,
        http: httpx.Client,
        *,
        base_url: str,
        oauth_base_url: str,
        token_url: str,
        clock: Clock,
    ) -> None:
        self._source = source
        self._http = http
        self._base_url = base_url
        self._oauth_base_url = oauth_base_url
        self._token_url = token_url
        self._clock = clock
        self._accounts: dict[str, Account] = {}

    def authority(self, delegation: str) -> CertificateAuthority:
        """Return SCM as the delegation's account sees it, without asking it yet. Raises CredentialMissing."""
        stored = self._source.current(delegation)
        account = self._accounts.get(delegation)
        if account is None:
            account = Account(
                self._http,
                stored.version,
                self._login(stored),
                lambda refused: self._another(delegation, refused),
                lambda: self._clock().timestamp(),
            )
            self._accounts[delegation] = account
        elif account.version != stored.version:
            account.use(stored.version, self._login(stored))
        return ScmClient(account)

    def credential_version(self, delegation: str) -> str:
        """Return the version of the credential in use. Raises CredentialMissing."""
        return self._source.current(delegation).version

    def _another(self, delegation: str, refused: Collection[str]) -> tuple[str, Login]:
        """A rotation that ended after the change at SCM must not stop renewals: its password stands as pending."""
        stored = self._source.latest(delegation)
        if stored.version in refused:
            stored = self._source.pending(delegation) or stored
        return stored.version, self._login(stored)

    def _login(self, stored: StoredCredential) -> Login:
        credential = credential_from(stored.document)
        if isinstance(credential, ClientCredentialsCredential):
            return ClientCredentials(
                credential,
                self._http,
                base_url=self._oauth_base_url,
                token_url=self._token_url,
                clock=self._clock,
            )
        return HeaderLogin(credential, base_url=self._base_url)
