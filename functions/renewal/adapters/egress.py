"""The address that the outside sees, from a service that echoes it as plain text (checkip.amazonaws.com does)."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address

import httpx

WAIT_SECONDS = 5.0
KEPT_SECONDS = 300.0
"""An address changes once in years; asking for every delegation would only cost time."""


def unknown_address() -> str:
    """Ask nobody, and know nothing."""
    return ""


class EchoedAddress:
    """Asks an echo at most once in five minutes.

    No answer is kept as long as an answer: else a silent echo would cost every delegation its 5 s.
    """

    def __init__(self, http: httpx.Client, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Ask *url* by *http* when needed; *monotonic* returns seconds."""
        self._http, self._url, self._monotonic = http, url, monotonic
        self._address = ""
        self._asked_at: float | None = None

    def __call__(self) -> str:
        """Return the IPv4 address that the echo saw, empty when it did not answer with one."""
        now = self._monotonic()
        if self._asked_at is None or now - self._asked_at >= KEPT_SECONDS:
            self._address, self._asked_at = self._ask(), now
        return self._address

    def _ask(self) -> str:
        try:
            answer = self._http.get(self._url, timeout=WAIT_SECONDS).raise_for_status()
            return str(IPv4Address(answer.text.strip()))
        except (httpx.HTTPError, httpx.InvalidURL, AddressValueError):
            return ""
