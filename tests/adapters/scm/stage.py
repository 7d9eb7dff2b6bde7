"""What the tests of the SCM adapter share: a place for credentials, a wire with scripted answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from renewal.adapters.http import new_http_client
from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.scm.client import ScmClient
from renewal.deadline import Deadline
from renewal.domain.credential import Credential
from renewal.domain.errors import CredentialMissing
from renewal.domain.order import EnrollRequest
from tests.fakes import HandClock, ample

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE_URL = "https://scm.test/api"
OAUTH_BASE_URL = "https://admin.scm.test/api"
TOKEN_URL = "https://sso.scm.test/auth/realms/apiclients/protocol/openid-connect/token"

PASSWORD = "Canary-Passw0rd!"
CLIENT_SECRET = "canary-client-secret"
LOGIN = {"login": "drao", "password": PASSWORD, "customer_uri": "univ"}
CLIENT = {"client_id": "renewals", "client_secret": CLIENT_SECRET}

# The example world of the simulator:
SIMULATED_LOGIN = {"login": "drao-example", "password": "Example-password-1", "customer_uri": "example"}
SIMULATED_CLIENT = {"client_id": "example-client", "client_secret": "example-client-secret"}

ORDER = EnrollRequest(
    department_id=2001,
    profile_id=3001,
    term_days=90,
    names=("idp.univ.example", "www.idp.univ.example"),
    csr="a signing request",
    comment="certmandate order t0ken for univ/idp",
)


@dataclass
class Vault:
    """A CredentialSource with a cache that goes stale, as the real one has."""

    stored: dict[str, Credential] = field(default_factory=dict)
    cached: dict[str, Credential] = field(default_factory=dict)
    being_tried: dict[str, Credential] = field(default_factory=dict)

    def store(self, version: str, document: Mapping[str, str], delegation: str = "univ") -> None:
        """Store another credential; caches keep the old one."""
        self.stored[delegation] = Credential(version, document)

    def current(self, delegation: str) -> Credential:
        """From the cache."""
        if delegation not in self.cached:
            self.cached[delegation] = self._stored(delegation)
        return self.cached[delegation]

    def latest(self, delegation: str) -> Credential:
        """Past the cache."""
        self.cached[delegation] = self._stored(delegation)
        return self.cached[delegation]

    def pending(self, delegation: str) -> Credential | None:
        """What a rotation has stored and not proved."""
        return self.being_tried.get(delegation)

    def _stored(self, delegation: str) -> Credential:
        if delegation not in self.stored:
            msg = f"no credential of {delegation} is stored"
            raise CredentialMissing(msg)
        return self.stored[delegation]


def vault(document: Mapping[str, str] = LOGIN, delegation: str = "univ") -> Vault:
    """Return a vault that holds one credential of *delegation*, version 1."""
    full = Vault()
    full.store("1", document, delegation)
    return full


Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Wire:
    """Answers requests from a script, the last line of it for ever, and keeps what was asked."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer of the script."""
        # A copy, because httpx sends the same object again with another token.
        self.requests.append(
            httpx.Request(
                request.method,
                request.url,
                headers=request.headers.raw,
                content=request.content,
                extensions=request.extensions,
            )
        )
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            if isinstance(answer, httpx.RequestError):
                answer.request = request  # as httpx does: with the password in its headers
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return answer(request)


def accounts(
    transport: httpx.BaseTransport | None,
    source: Vault,
    clock: Callable[[], datetime] | None = None,
    deadline: Deadline | None = None,
    base_url: str = BASE_URL,
) -> ScmAccounts:
    """Return the real thing over *transport*, None = the network."""
    clock = clock or HandClock(NOW)
    return ScmAccounts(
        source,
        new_http_client(transport=transport),
        base_url=base_url,
        oauth_base_url=OAUTH_BASE_URL,
        token_url=TOKEN_URL,
        deadline=deadline or ample(clock),
    )


def client(answers: Callable[[httpx.Request], httpx.Response]) -> ScmClient:
    """Return the real client of the delegation `univ`, with these answers to its requests."""
    return accounts(httpx.MockTransport(answers), vault()).authority("univ")


def scm(*script: Answer) -> ScmClient:
    """Return the real client of the delegation `univ`, with a script of answers."""
    return client(Wire(*script))


def refusal(code: object, description: str = "because", status: int = 400) -> httpx.Response:
    """Return SCM's answer when it refuses."""
    return httpx.Response(status, json={"code": code, "description": description})


def json_answer(value: Any) -> httpx.Response:
    """Return a 200 with *value*."""
    return httpx.Response(200, json=value)


HTML = httpx.Response(502, headers={"Content-Type": "text/html"}, text="<html><h1>502 Bad Gateway</h1></html>")
ENVOY = httpx.Response(503, headers={"Content-Type": "text/plain"}, text="upstream connect error or reset")
