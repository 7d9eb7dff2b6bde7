"""One delegation's account at SCM, and which of its credentials are used."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import httpx

from renewal.adapters.scm.authentication import Login
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.request import Request
from renewal.domain.errors import CredentialRefused

REFUSAL_REMEMBERED = 3_600.0
"""Seconds: a run tries again within minutes, and the order book remembers a refusal for the rest of the run."""


class Session:
    """Sends requests with the account's login, and with a newer one when SCM refuses it.

    A version of the credential that SCM has refused is not sent again for an hour: SCM counts failed attempts and
    locks accounts (SCM reference §2.4). After that it is: accounts are unlocked and access lists corrected without a
    new password. *newer* takes the refused versions; it returns the version that is stored now, or the one that a
    rotation is about to make current when that is among the refused ones, and its login. *seconds* returns the time.
    """

    def __init__(
        self,
        http: httpx.Client,
        version: str,
        login: Login,
        newer: Callable[[Collection[str]], tuple[str, Login]],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._version = version
        self._login = login
        self._newer = newer
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
        """The account's login; empty where only the client's id is known."""
        return self._login.name

    def secrets(self) -> tuple[str, ...]:
        """Return what no error text may quote."""
        return self._login.secrets()

    def use(self, version: str, login: Login) -> None:
        """Log in like that from now on."""
        self._version, self._login = version, login

    def send(self, request: Request) -> httpx.Response:
        """Return SCM's 2xx response.

        Raises what any other response, or none, amounts to. After a refused login it tries once more if another
        credential has been stored meanwhile: SCM checks the login before anything else (§2.4).
        """
        if not self._refusal(self._version):
            try:
                return exchange(self._http, self._login, request)
            except CredentialRefused as refusal:
                self._remember(refusal)
        self._take_newer()
        try:
            return exchange(self._http, self._login, request)
        except CredentialRefused as refusal:
            self._remember(refusal)
            raise

    def _remember(self, refusal: CredentialRefused) -> None:
        self._refusals[self._version] = str(refusal), self._seconds()

    def _refusal(self, version: str) -> str:
        """The text with which SCM refused *version* within the last hour; empty when it did not."""
        text, at = self._refusals.get(version, ("", 0.0))
        return text if 0 <= self._seconds() - at < REFUSAL_REMEMBERED else ""

    def _take_newer(self) -> None:
        version, login = self._newer([refused for refused in self._refusals if self._refusal(refused)])
        if refusal := self._refusal(version):
            msg = (
                f"{refusal}; this credential (version {version}) is not tried again within the hour, because SCM locks "
                "accounts after failed attempts: store the right one with `certmandate credential`, or have the "
                "account unlocked"
            )
            raise CredentialRefused(msg)
        self.use(version, login)
