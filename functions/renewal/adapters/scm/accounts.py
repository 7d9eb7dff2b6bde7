"""SCM accounts: by delegation, and pinned to one exact credential."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Protocol

import httpx

from renewal.adapters.scm.authentication import ClientCredentials, HeaderLogin, Login
from renewal.adapters.scm.client import PASSWORD_STATE, ScmClient
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.credential import ClientCredentialsCredential, PasswordCredential, credential_from
from renewal.adapters.scm.request import Operation, Request
from renewal.adapters.scm.responses import password_state_from
from renewal.adapters.scm.session import Session
from renewal.deadline import Deadline
from renewal.domain.credential import Credential
from renewal.domain.errors import CredentialMissing, CredentialRefused, PermissionMissing
from renewal.ports.rotation import PinnedAccounts
from renewal.ports.scm import Accounts


class CredentialSource(Protocol):
    """Where the credentials are stored."""

    def current(self, delegation: str) -> Credential:
        """Return the delegation's credential, as it was first read. Raises CredentialMissing."""

    def latest(self, delegation: str) -> Credential:
        """Return what is stored now; `current` returns the same from then on."""

    def pending(self, delegation: str) -> Credential | None:
        """Return what a rotation has stored and not proved yet; None when there is nothing."""


class ScmAccounts(Accounts):
    """Accounts with a header login at *base_url*, OAuth2 clients at *oauth_base_url*; both end in `/api`.

    For one invocation: every request ends by *deadline*; access tokens and refused versions are kept as long as this
    object.
    """

    def __init__(
        self,
        source: CredentialSource,
        http: httpx.Client,
        *,
        base_url: str,
        oauth_base_url: str,
        token_url: str,
        deadline: Deadline,
    ) -> None:
        self._source = source
        self._http = http
        self._deadline = deadline
        self._refused: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._base_url = base_url
        self._oauth_base_url = oauth_base_url
        self._token_url = token_url
        self._sessions: dict[str, Session] = {}

    def authority(self, delegation: str) -> ScmClient:
        """Send nothing yet."""
        return ScmClient(self._session(delegation))

    setup_reader = authority

    def credential_version(self, delegation: str) -> str:
        """Raises CredentialMissing."""
        return self._source.current(delegation).version

    def exclude_version(self, delegation: str, version: str) -> None:
        self._refused[delegation].setdefault(version, "SCM refused the credential before")

    def refused_versions(self, delegation: str) -> Collection[str]:
        return tuple(self._refused[delegation])

    def _session(self, delegation: str) -> Session:
        stored = self._source.current(delegation)
        session = self._sessions.get(delegation)
        if session is None:
            session = Session(
                self._http,
                stored.version,
                self._login(stored),
                lambda refused: self._newer(delegation, refused),
                self._refused[delegation],
                self._deadline,
            )
            self._sessions[delegation] = session
        elif session.version != stored.version:
            session.use(stored.version, self._login(stored))
        return session

    def _newer(self, delegation: str, refused: Collection[str]) -> tuple[str, Login]:
        """A rotation that ended after the change at SCM must not stop renewals: its password is still pending."""
        stored = self._source.latest(delegation)
        pending = self._source.pending(delegation) if stored.version in refused else None
        if pending is not None and pending.account == stored.account:
            stored = pending
        return stored.version, self._login(stored)

    def _login(self, stored: Credential) -> Login:
        credential = credential_from(stored.members)
        if isinstance(credential, ClientCredentialsCredential):
            return ClientCredentials(
                credential,
                self._http,
                base_url=self._oauth_base_url,
                token_url=self._token_url,
                clock=self._deadline.clock,
            )
        return HeaderLogin(credential, base_url=self._base_url)


class PinnedScmAccounts(PinnedAccounts):
    """Accounts with a header login at *base_url*, which ends in `/api`; every request ends by *deadline*."""

    def __init__(self, http: httpx.Client, *, base_url: str, deadline: Deadline) -> None:
        self._http = http
        self._base_url = base_url
        self._deadline = deadline

    def has_password(self, credential: Credential) -> bool:
        """Return False for an OAuth2 client."""
        return isinstance(credential_from(credential.members), PasswordCredential)

    def accepts(self, credential: Credential) -> bool:
        """Request the password state (SCM reference §9): SCM checks the login before what the account may read."""
        try:
            response = exchange(self._http, self._login(credential), PASSWORD_STATE, self._deadline)
        except CredentialRefused:
            return False
        except PermissionMissing:
            return True
        password_state_from(PASSWORD_STATE, response)
        return True

    def change_password(self, credential: Credential, new: str) -> None:
        """Send the new password only (§9): the old one, which logs in, proves that the account may change it."""
        body = {"newPassword": new}
        request = Request(Operation.CHANGE_PASSWORD, "POST", "/admin/v1/changepassword", body=body, secret=new)
        exchange(self._http, self._login(credential), request, self._deadline)

    def _login(self, credential: Credential) -> Login:
        parsed = credential_from(credential.members)
        if not isinstance(parsed, PasswordCredential):
            msg = "an OAuth2 client has no password to log in with; store a login with `certmandate credential`"
            raise CredentialMissing(msg)
        return HeaderLogin(parsed, base_url=self._base_url)
