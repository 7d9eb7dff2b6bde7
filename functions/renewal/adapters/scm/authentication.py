"""How a request proves who sends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx

from renewal.adapters.scm.answers import members, text, whole
from renewal.adapters.scm.call import Call, Operation
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.credential import ClientCredentialsCredential, PasswordCredential
from renewal.adapters.scm.excerpt import excerpt
from renewal.adapters.scm.verdict import verdict
from renewal.domain.errors import CredentialRefused, ScmUnavailable
from renewal.ports import Clock

REFRESH_EARLY = timedelta(seconds=60)
_TOKEN = Call(Operation.TOKEN, "POST", "")
_NEVER = datetime.min.replace(tzinfo=UTC)


class Login(Protocol):
    """A way to log in."""

    base_url: str
    """Where it works, ending in `/api`: header logins and OAuth2 each have their hosts (SCM reference §1)."""
    has_password: bool
    """Whether the account has a password that can expire."""
    name: str
    """The account's login; empty where only the client's id is known."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers that log a request in. Raises CredentialRefused, ScmUnavailable."""

    def renew(self) -> bool:
        """Return whether a refused request may be sent again with what `headers` says next."""

    def secrets(self) -> tuple[str, ...]:
        """Return what must never be read in a message."""


class HeaderLogin:
    """Login, password and customer URI in headers of every request (SCM reference §2.1)."""

    has_password = True

    def __init__(self, credential: PasswordCredential, *, base_url: str) -> None:
        self.base_url = base_url
        self.name = credential.login
        self._credential = credential

    def headers(self) -> Mapping[str, str]:
        """Return the three headers."""
        return {
            "login": self._credential.login,
            "password": self._credential.password,
            "customerUri": self._credential.customer_uri,
        }

    def renew(self) -> bool:
        """Return False: every try with a refused password counts towards the account's lock-out (§2.4)."""
        return False

    def secrets(self) -> tuple[str, ...]:
        """Return the password."""
        return (self._credential.password,)


class ClientCredentials:
    """An OAuth2 access token, kept until 60 s before it ends (SCM reference §2.3)."""

    has_password = False
    name = ""

    def __init__(
        self,
        credential: ClientCredentialsCredential,
        http: httpx.Client,
        *,
        base_url: str,
        token_url: str,
        clock: Clock,
    ) -> None:
        self.base_url = base_url
        self._credential = credential
        self._http = http
        self._token_url = token_url
        self._clock = clock
        self._token = ""
        self._refresh_at = _NEVER

    def headers(self) -> Mapping[str, str]:
        """Return the bearer token, fetching one when there is none or it ends soon."""
        if self._clock() >= self._refresh_at:
            self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """Forget the token; return True, for a token may be withdrawn while the client stays good."""
        self._refresh_at = _NEVER
        return True

    def secrets(self) -> tuple[str, ...]:
        """Return the client secret and the token."""
        return tuple(secret for secret in (self._credential.client_secret, self._token) if secret)

    def _fetch(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credential.client_id,
            "client_secret": self._credential.client_secret,
        }
        request = self._http.build_request("POST", self._token_url, data=form)
        asked_at = self._clock()
        answer = exchange(self._http, request, _TOKEN)
        if answer.status_code in {400, 401}:
            said = excerpt(text(members(answer).get("error")), self.secrets()) or "nothing more"
            msg = f"the token server refused client {self._credential.client_id} (HTTP {answer.status_code}, {said})"
            raise CredentialRefused(msg)
        if not answer.is_success:
            raise verdict(_TOKEN, answer, self.secrets())
        self._take(members(answer), asked_at)

    def _take(self, answer: Mapping[str, object], asked_at: datetime) -> None:
        token = text(answer.get("access_token"))
        if not token.isascii() or not token.isprintable() or not token:
            msg = "the token server's answer holds no access token"
            raise ScmUnavailable(msg)
        self._token = token
        self._refresh_at = asked_at + timedelta(seconds=whole(answer.get("expires_in")) or 0) - REFRESH_EARLY
