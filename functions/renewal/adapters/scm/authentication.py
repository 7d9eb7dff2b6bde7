"""How a request authenticates itself: httpx asks a login for every message to send."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta

import httpx

from renewal.adapters.redaction import redacted
from renewal.adapters.scm.credential import ClientCredentialsCredential, PasswordCredential
from renewal.adapters.scm.error_mapping import error_for
from renewal.adapters.scm.request import ACCESS_TOKEN
from renewal.adapters.scm.responses import error_response_from, members, text, whole
from renewal.domain.errors import CredentialRefused, ScmUnavailable
from renewal.ports.environment import Clock

REFRESH_EARLY = timedelta(seconds=60)
LONGEST_TOKEN_SECONDS = 86_400
"""A token is kept for one invocation at most; an answer may have any number."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_TOKEN_REFUSED = {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}  # RFC 6749, section 5.2

Flow = Generator[httpx.Request, httpx.Response, None]


class Login(httpx.Auth, ABC):
    """A way to log in."""

    base_url: str
    """Where it is valid, ending in `/api`: header logins and OAuth2 have different hosts (SCM reference §1)."""
    has_password: bool
    """Whether the account has a password that can expire."""
    name: str
    """The account's login; empty where only the client's id is known."""

    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """Return what no error text may quote."""


class HeaderLogin(Login):
    """Login, password and customer URI in headers of every request (SCM reference §2.1).

    A refused request is not sent again: every attempt with a refused password counts towards the lock-out (§2.4).
    """

    has_password = True

    def __init__(self, credential: PasswordCredential, *, base_url: str) -> None:
        self.base_url = base_url
        self.name = credential.login
        self._credential = credential

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Send the request with the three headers."""
        request.headers["login"] = self._credential.login
        request.headers["password"] = self._credential.password
        request.headers["customerUri"] = self._credential.customer_uri
        yield request

    def secrets(self) -> tuple[str, ...]:
        """Return the password."""
        return (self._credential.password,)


class ClientCredentials(Login):
    """An OAuth2 access token, kept until 60 s before it expires (SCM reference §2.3)."""

    requires_response_body = True
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

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Send the request with a token; once more with a new one when SCM refuses it: a token can be withdrawn.

        Raises CredentialRefused, ScmUnavailable.
        """
        if self._clock() >= self._refresh_at:
            yield from self._refresh(request)
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield from self._refresh(request)
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def secrets(self) -> tuple[str, ...]:
        """Return the client secret and the token."""
        return self._credential.client_secret, self._token

    def _refresh(self, request: httpx.Request) -> Flow:
        """Request a token within the time of *request*."""
        self._refresh_at = _NEVER
        requested_at = self._clock()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credential.client_id,
            "client_secret": self._credential.client_secret,
        }
        response = yield self._http.build_request("POST", self._token_url, data=form, extensions=request.extensions)
        if response.status_code in _TOKEN_REFUSED:
            raise self._refused(response)
        if not response.is_success:
            raise error_for(ACCESS_TOKEN, error_response_from(response, self.secrets()))
        self._take(members(response), requested_at)

    def _refused(self, response: httpx.Response) -> CredentialRefused:
        reason = redacted(text(members(response).get("error")), self.secrets()) or "no reason given"
        return CredentialRefused(
            f"the token server refused client {self._credential.client_id} (HTTP {response.status_code}, {reason}): "
            "store the right client secret with `certmandate credential`"
        )

    def _take(self, answer: Mapping[str, object], requested_at: datetime) -> None:
        token = text(answer.get("access_token"))
        if not token.isascii() or not token.isprintable() or not token:
            msg = "the token server's answer holds no access token; the request is repeated later"
            raise ScmUnavailable(msg)
        self._token = token
        life = timedelta(seconds=min(max(whole(answer.get("expires_in")) or 0, 0), LONGEST_TOKEN_SECONDS))
        self._refresh_at = requested_at + life - REFRESH_EARLY
