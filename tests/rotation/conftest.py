"""A rotation as it happens: the real step and adapters, SCM played by the simulator, AWS by moto in this process."""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import httpx
import pytest

from renewal.adapters.http import new_http_client
from renewal.adapters.scm.accounts import PinnedScmAccounts, ScmAccounts
from renewal.adapters.secrets import SecretsManagerCredentials, SecretsManagerVault
from renewal.domain.delegation import Delegation
from renewal.domain.errors import RenewalError
from renewal.steps.rotate_password import RotatePassword
from scm_simulator.in_process import InProcess
from scm_simulator.simulator import Simulator
from tests.fakes import FakeOrderBook, HandClock, Killed, ample
from tests.quick_moto import quick_aws
from tests.unit.system import NOW

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SECRET = "certmandate/univ"  # a name
LOGIN = {
    "login": "drao-example",
    "password": "Example-password-1",
    "customer_uri": "example",
    "note": "received by telephone on 3 November",
}


@dataclass(slots=True)
class Boundaries:
    """Counts the calls of the ports; kills the process before or after one of them."""

    kill_at: tuple[int, str] | None = None
    names: list[str] = field(default_factory=list)

    def around(self, port: object) -> Any:
        """Return *port*, watched."""
        return _Watched(port, self)

    def call(self, name: str, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make one call, unless the process ends just before it; or just after."""
        number = len(self.names)
        self.names.append(name)
        if self.kill_at == (number, "before"):
            raise Killed
        try:
            return real(*args, **kwargs)
        finally:
            if self.kill_at == (number, "after"):
                raise Killed


class _Watched:
    def __init__(self, port: object, boundaries: Boundaries) -> None:
        self._port, self._boundaries = port, boundaries

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._boundaries.call(name, real, *args, **kwargs)

        return call


class Rotation:
    """One delegation whose password Secrets Manager replaces."""

    def __init__(self, secretsmanager: Any) -> None:
        self.clock = HandClock(NOW)
        self.chance = random.Random(47)  # noqa: S311  # the same passwords in every test
        self.secretsmanager = secretsmanager
        self.simulator = Simulator(clock=self.clock)
        self.book = FakeOrderBook()
        self.book.apply(Delegation("univ", "Example University", 2001, ("portal.example.edu",)), now=NOW)
        self.http = new_http_client(transport=InProcess(self.simulator))
        secretsmanager.create_secret(Name=SECRET, SecretString=json.dumps(LOGIN))

    def policy(self, code: int, description: str, *, takes: int, is_made: bool = True) -> None:
        """Let SCM refuse every new password that is not of *takes* characters, in these words.

        not is_made: it confirms any other change, and makes none.
        """
        real = InProcess(self.simulator)

        def answer(request: httpx.Request) -> httpx.Response:
            is_change = request.url.path.endswith("/changepassword")
            if is_change and len(json.loads(request.content)["newPassword"]) != takes:
                return httpx.Response(400, json={"code": code, "description": description})
            return httpx.Response(200) if is_change and not is_made else real.handle_request(request)

        self.http = new_http_client(transport=httpx.MockTransport(answer))

    def step(self, boundaries: Boundaries | None = None) -> RotatePassword:
        """Return the step in a new process."""
        watch = boundaries or Boundaries()
        return RotatePassword(
            watch.around(SecretsManagerVault(self.secretsmanager, "certmandate")),
            watch.around(PinnedScmAccounts(self.http, base_url="https://scm.test/api", deadline=ample(self.clock))),
            self.book,
            self.book,
            self.clock,
            self.chance,
            lambda: str(uuid.uuid4()),
        )

    def attempt(self, token: str, boundaries: Boundaries | None = None) -> list[str]:
        """Let Secrets Manager do all four steps; return what each returned. An error ends the attempt."""
        step = self.step(boundaries)
        return [step(SECRET, token, name) for name in STEPS]

    def ends(self, token: str) -> str:
        """Attempt it as often as Secrets Manager would; return the error that stays, "" when it succeeds."""
        error = ""
        for _ in range(3):
            try:
                self.attempt(token)
            except RenewalError as failure:
                error = type(failure).__name__
            else:
                return ""
        return error

    def stored(self, stage: str = "AWSCURRENT") -> dict[str, str]:
        """The members of the credential with a label."""
        answer = self.secretsmanager.get_secret_value(SecretId=SECRET, VersionStage=stage)
        return dict(json.loads(answer["SecretString"]))

    def functions(self) -> ScmAccounts:
        """What the functions of a renewal log in with, in a new environment."""
        source = SecretsManagerCredentials(self.secretsmanager, "certmandate")
        url = "https://scm.test/api"
        return ScmAccounts(
            source,
            self.http,
            base_url=url,
            oauth_base_url=url,
            token_url=url,
            deadline=ample(self.clock),
        )

    def failed_logins(self) -> Counter[str]:
        """How often SCM refused the login, by path."""
        return Counter(call.path for call in self.simulator.calls if call.status == 401)

    def passwords(self) -> str:
        """What SCM takes now."""
        return self.simulator._state.admins["drao-example"].password  # what no API shows

    def is_locked(self) -> bool:
        """Whether the account is locked."""
        return self.simulator._state.admins["drao-example"].locked  # as above


@cache
def _client() -> Any:
    """One client for all tests: making one takes longer than most of them."""
    secrets: dict[str, Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("secretsmanager", region_name="eu-west-3", **secrets)


@pytest.fixture
def rotation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rotation]:
    """A delegation with a stored credential that works."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with quick_aws():
        yield Rotation(_client())
