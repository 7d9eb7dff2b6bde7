"""One delegation's account at SCM, and which of its credentials are used."""

from __future__ import annotations

from collections.abc import Callable, Collection

import httpx

from renewal.adapters.scm.authentication import Login
from renewal.adapters.scm.connection import exchange
from renewal.adapters.scm.request import Request
from renewal.deadline import Deadline
from renewal.domain.errors import CredentialRefused


class Session:
    """Sends requests with the account's login, and with a newer one when SCM refuses it.

    Every request ends by *deadline*. A version of the credential that is among *refused* is not sent again (its value:
    the refusal's text): SCM counts failed attempts and locks accounts (SCM reference §2.4). *newer* takes the refused
    versions; it returns the version that is stored now, or the one that a rotation is about to make current when that
    is among the refused ones, and its login.
    """

    def __init__(
        self,
        http: httpx.Client,
        version: str,
        login: Login,
        newer: Callable[[Collection[str]], tuple[str, Login]],
        refused: dict[str, str],
        deadline: Deadline,
    ) -> None:
        self._http = http
        self.version = version
        self.login = login
        self._newer = newer
        self._refused = refused
        self._deadline = deadline
        self._was_answered = False

    def use(self, version: str, login: Login) -> None:
        """Log in like that from now on."""
        self.version, self.login = version, login

    def send(self, request: Request) -> httpx.Response:
        """Return SCM's 2xx response.

        Raises what any other response, or none, amounts to. After a refused login it tries once more if another
        credential has been stored meanwhile: SCM checks the login before anything else (§2.4).
        """
        is_last = self.version in self._refused
        if is_last:
            self._take_newer()
        while True:
            try:
                response = exchange(self._http, self.login, request, self._deadline, was_answered=self._was_answered)
            except CredentialRefused as refusal:
                self._refused[self.version] = str(refusal)
                if is_last:
                    raise
            else:
                self._was_answered = True
                return response
            self._take_newer()
            is_last = True  # whatever is remembered: SCM counts the attempts

    def _take_newer(self) -> None:
        version, login = self._newer(self._refused)
        if version in self._refused:
            msg = (
                f"{self._refused[version]}; this credential (version {version}) is not tried again in this run, as SCM "
                "locks accounts after failed attempts: store the right one with `certmandate credential`, or have the "
                "account unlocked"
            )
            raise CredentialRefused(msg)
        self.use(version, login)
