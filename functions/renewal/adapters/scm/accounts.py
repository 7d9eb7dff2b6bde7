"""SCM accounts by delegation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from renewal.adapters.scm.authentication import ClientCredentials, HeaderLogin, Login
from renewal.adapters.scm.call import Call
from renewal.adapters.scm.client import ScmClient
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.credential import ClientCredentialsCredential, credential_from
from renewal.adapters.scm.verdict import verdict
from renewal.domain.errors import CredentialRefused
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


class ScmAccounts(Accounts):
    """Accounts with a header login at *base_url*, OAuth2 clients at *oauth_base_url*; both URLs end in `/api`.

    A version of a credential that SCM refused is never sent again by this object: SCM counts failed attempts and
    locks accounts (SCM reference §2.4).
    """

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
        self._refused: set[tuple[str, str]] = set()
        self._authorities: dict[str, tuple[str, ScmClient]] = {}

    def authority(self, delegation: str) -> CertificateAuthority:
        """Return SCM as the delegation's account sees it.

        Raises CredentialMissing, or CredentialRefused (without asking SCM) when SCM has refused what is stored.
        """
        stored = self._untried(delegation, self._source.current(delegation))
        version, client = self._authorities.get(delegation, ("", None))
        if client is None or version != stored.version:
            client = ScmClient(Account(self, delegation, stored))
            self._authorities[delegation] = (stored.version, client)
        return client

    def credential_version(self, delegation: str) -> str:
        """Return the version of the credential in use. Raises CredentialMissing."""
        return self._source.current(delegation).version

    def newer(self, delegation: str) -> StoredCredential:
        """Return the credential that is stored now. Raises CredentialRefused when SCM has refused it already."""
        stored = self._source.latest(delegation)
        if (delegation, stored.version) in self._refused:
            raise CredentialRefused(
                f"SCM refused version {stored.version} of the credential of {delegation}; it is not tried again, "
                f"because SCM locks accounts: store the right one"
            )
        return stored

    def remember_refusal(self, delegation: str, version: str) -> None:
        """Never send that version again."""
        self._refused.add((delegation, version))

    def request(self, login: Login, call: Call) -> httpx.Request:
        """Return *call* on its way to the host where *login* works, logged in. Raises what `Login.headers` raises."""
        base_url = self._base_url if login.has_password else self._oauth_base_url
        headers = dict(login.headers())
        content = None
        if call.body is not None:
            content = json.dumps(call.body)
            headers["Content-Type"] = "application/json;charset=utf-8"
        return self._http.build_request(
            call.method,
            base_url.rstrip("/") + call.path,
            params=call.params or None,
            headers=headers,
            content=content,
            timeout=self._patience(call),
        )

    def exchange(self, login: Login, call: Call) -> httpx.Response:
        """Return SCM's answer to *call*, whatever its status."""
        return exchange(self._http, self.request(login, call), call)

    def login(self, stored: StoredCredential) -> Login:
        """Return the way to log in with *stored*. Raises CredentialMissing."""
        credential = credential_from(stored.document)
        if isinstance(credential, ClientCredentialsCredential):
            return ClientCredentials(credential, self._http, token_url=self._token_url, clock=self._clock)
        return HeaderLogin(credential)

    def _untried(self, delegation: str, stored: StoredCredential) -> StoredCredential:
        return self.newer(delegation) if (delegation, stored.version) in self._refused else stored

    def _patience(self, call: Call) -> httpx.Timeout:
        mine = self._http.timeout
        return httpx.Timeout(mine.read, connect=mine.connect) if call.read_seconds is None else mine
