"""SCM as one exact credential sees it: for a rotation, which must know which of two passwords it is showing."""

from __future__ import annotations

import httpx

from renewal.adapters.scm.account import Account
from renewal.adapters.scm.authentication import HeaderLogin
from renewal.adapters.scm.client import ScmClient
from renewal.adapters.scm.credential import PasswordCredential, credential_from
from renewal.domain.credential import Credential
from renewal.domain.errors import CredentialMissing
from renewal.ports import CertificateAuthority, ExactAccounts


class ExactScmAccounts(ExactAccounts):
    """Accounts with a header login at *base_url*, which ends in `/api`; a refused login is not followed by another."""

    def __init__(self, http: httpx.Client, *, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    def has_password(self, credential: Credential) -> bool:
        """Return whether it is a login with a password. Raises CredentialMissing."""
        return isinstance(credential_from(credential.members), PasswordCredential)

    def authority(self, credential: Credential) -> CertificateAuthority:
        """Return SCM as it sees it, without asking it yet. Raises CredentialMissing, also for an OAuth2 client."""
        found = credential_from(credential.members)
        if not isinstance(found, PasswordCredential):
            msg = "an OAuth2 client has no password to log in with"
            raise CredentialMissing(msg)
        login = HeaderLogin(found, base_url=self._base_url)
        return ScmClient(Account(self._http, credential.version, login, lambda _refused: (credential.version, login)))
