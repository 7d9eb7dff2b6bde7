"""One delegation's account at SCM, and which of its credentials are used."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import httpx

from renewal.adapters.scm.authentication import Login
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.request import Request
from renewal.deadline import Deadline
from renewal.domain.errors import CredentialRefused
from renewal.ports import Clock

REFUSAL_REMEMBERED = timedelta(hours=1)
"""A run tries again within minutes, and the order book remembers a refusal for the rest of the run."""


class RefusedVersions:
    """The versions of credentials that SCM refused within the last hour, by *clock*: all that outlives an invocation.

    SCM counts failed attempts and locks accounts (SCM reference §2.4). After the hour a version is tried again:
    accounts are unlocked and access lists corrected without a new password.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refusals: dict[tuple[str, str], tuple[str, datetime]] = {}

    def add(self, delegation: str, version: str, refusal: str) -> None:
        """Remember the text of a *refusal*."""
        self._refusals[delegation, version] = refusal, self._clock()

    def refusal(self, delegation: str, version: str) -> str:
        """Return the text with which SCM refused *version* within the last hour; empty when it did not."""
        text, at = self._refusals.get((delegation, version), ("", self._clock()))
        return text if timedelta() <= self._clock() - at < REFUSAL_REMEMBERED else ""

    def versions(self, delegation: str) -> list[str]:
        """Return those of one delegation."""
        return [version for name, version in self._refusals if name == delegation and self.refusal(name, version)]


class Session:
    """Sends requests with the account's login, and with a newer one when SCM refuses it.

    Every request ends by *deadline*. A version of the credential that is among *refused* is not sent again. *newer*
    takes the refused versions; it returns the version that is stored now, or the one that a rotation is about to make
    current when that is among the refused ones, and its login.
    """

    def __init__(
        self,
        http: httpx.Client,
        delegation: str,
        version: str,
        login: Login,
        newer: Callable[[Collection[str]], tuple[str, Login]],
        refused: RefusedVersions,
        deadline: Deadline,
    ) -> None:
        self._http = http
        self._delegation = delegation
        self._version = version
        self._login = login
        self._newer = newer
        self._refused = refused
        self._deadline = deadline

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
        if not self._refused.refusal(self._delegation, self._version):
            try:
                return exchange(self._http, self._login, request, self._deadline)
            except CredentialRefused as refusal:
                self._remember(refusal)
        self._take_newer()
        try:
            return exchange(self._http, self._login, request, self._deadline)
        except CredentialRefused as refusal:
            self._remember(refusal)
            raise

    def _remember(self, refusal: CredentialRefused) -> None:
        self._refused.add(self._delegation, self._version, str(refusal))

    def _take_newer(self) -> None:
        version, login = self._newer(self._refused.versions(self._delegation))
        if refusal := self._refused.refusal(self._delegation, version):
            msg = (
                f"{refusal}; this credential (version {version}) is not tried again within the hour, because SCM locks "
                "accounts after failed attempts: store the right one with `certmandate credential`, or have the "
                "account unlocked"
            )
            raise CredentialRefused(msg)
        self.use(version, login)
