"""One delegation's account at SCM."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection

import httpx

from renewal.adapters.scm.authentication import Login
from renewal.adapters.scm.call import Call
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.verdict import verdict
from renewal.domain.errors import CredentialRefused

REFUSAL_REMEMBERED = 3_600.0
"""Seconds: a run tries again within minutes, and the order book remembers a refusal for the rest of the run."""


class Account:
    """Sends calls with the account's login, and with a newer one when SCM refuses it.

    A version of the credential that SCM has refused is not sent again for an hour: SCM counts failed attempts and
    locks accounts (SCM reference §2.4). It is not given up for good, for accounts are unlocked and access lists mended
    without a new password. *another* returns the version that is stored now, or the one that a rotation is about to
    make current when that is among the refused ones, and its login. *seconds* says how late it is.
    """

    def __init__(
        self,
        http: httpx.Client,
        version: str,
        login: Login,
        another: Callable[[Collection[str]], tuple[str, Login]],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._version = version
        self._login = login
        self._another = another
        self._seconds = seconds
        self._refusals: dict[str, tuple[str, float]] = {}

    @property
    def version(self) -> str:
        """The version of the credential in use."""
        return self._version

    @property
    def has_password(self) -> bool:
        """Whether the account has a password that can expire."""
        return self._login.has_password

    @property
    def login_name(self) -> str:
        """The account's login; empty where SCM does not tell a client which account it acts for."""
        return self._login.name

    def secrets(self) -> tuple[str, ...]:
        """Return what must never be read in a message."""
        return self._login.secrets()

    def use(self, version: str, login: Login) -> None:
        """Log in like that from now on."""
        self._version, self._login = version, login

    def send(self, call: Call) -> httpx.Response:
        """Return SCM's 2xx answer.

        Raises what any other answer amounts to, or no answer. A refused login is followed by one more try if
        another credential has been stored meanwhile: SCM checks the login before anything else (§2.4).
        """
        if not self._refusal(self._version):
            try:
                return self._attempt(call)
            except CredentialRefused as refusal:
                self._remember(refusal)
        self._take_newer()
        try:
            return self._attempt(call)
        except CredentialRefused as refusal:
            self._remember(refusal)
            raise

    def _remember(self, refusal: CredentialRefused) -> None:
        self._refusals[self._version] = str(refusal), self._seconds()

    def _refusal(self, version: str) -> str:
        """What SCM said when it refused *version* within the last hour; empty when it did not."""
        text, at = self._refusals.get(version, ("", 0.0))
        return text if 0 <= self._seconds() - at < REFUSAL_REMEMBERED else ""

    def _take_newer(self) -> None:
        version, login = self._another([one for one in self._refusals if self._refusal(one)])
        if refusal := self._refusal(version):
            msg = (
                f"{refusal}; this credential (version {version}) is not tried again, "
                f"within the hour, because SCM locks accounts after failed attempts: store the right one, "
                f"or have the account unlocked"
            )
            raise CredentialRefused(msg)
        self.use(version, login)

    def _attempt(self, call: Call) -> httpx.Response:
        answer = self._exchange(call)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._login.renew():
            answer = self._exchange(call)
        if not answer.is_success:
            raise verdict(call, answer, (*self._login.secrets(), *filter(None, [call.secret])))
        return answer

    def _exchange(self, call: Call) -> httpx.Response:
        return exchange(self._http, self._request(call), call)

    def _request(self, call: Call) -> httpx.Request:
        headers = dict(self._login.headers())
        if call.body is not None:
            headers["Content-Type"] = "application/json;charset=utf-8"
        return self._http.build_request(
            call.method,
            self._login.base_url.rstrip("/") + call.path,
            params=call.params or None,
            headers=headers,
            content=None if call.body is None else json.dumps(call.body),
            timeout=self._patience(call),
        )

    def _patience(self, call: Call) -> httpx.Timeout:
        usual = self._http.timeout
        return usual if call.read_seconds is None else httpx.Timeout(call.read_seconds, connect=usual.connect)
