"""The address of our requests, from a service that returns it as plain text (checkip.amazonaws.com does)."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address

import httpx

TIMEOUT_SECONDS = 5.0
CACHE_SECONDS = 300.0
"""An address changes once in years; a request for every delegation would only cost time."""


def unknown_address() -> str:
    """Return that it is not known, without a request."""
    return ""


class EchoedAddress:
    """Requests the address at most once in five minutes.

    A missing answer is cached as long as an answer: otherwise a silent service would cost every delegation 5 s.
    """

    def __init__(self, http: httpx.Client, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Request *url* with *http*; *monotonic* returns seconds."""
        self._http, self._url, self._monotonic = http, url, monotonic
        self._address = ""
        self._requested_at: float | None = None

    def __call__(self) -> str:
        """Return the IPv4 address, empty when the service did not answer with one."""
        now = self._monotonic()
        if self._requested_at is None or now - self._requested_at >= CACHE_SECONDS:
            self._address, self._requested_at = self._requested(), now
        return self._address

    def _requested(self) -> str:
        try:
            answer = self._http.get(self._url, timeout=TIMEOUT_SECONDS).raise_for_status()
            return str(IPv4Address(answer.text.strip()))
        except (httpx.HTTPError, httpx.InvalidURL, AddressValueError):
            return ""
