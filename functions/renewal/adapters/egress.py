"""The address of our requests, from a service that returns it as plain text (checkip.amazonaws.com does)."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address

import httpx

from renewal.deadline import Deadline

LONGEST_SECONDS = 5.0


def unknown_address() -> str:
    """Return that it is not known, without a request."""
    return ""


class EchoedAddress:
    """Requests the address from *url*, before *deadline* and within 5 s."""

    def __init__(self, http: httpx.Client, url: str, deadline: Deadline) -> None:
        self._http, self._url, self._deadline = http, url, deadline

    def __call__(self) -> str:
        """Return the IPv4 address, empty when the service did not answer with one."""
        extensions = {"deadline": self._deadline.at_most(LONGEST_SECONDS)}
        try:
            answer = self._http.get(self._url, extensions=extensions).raise_for_status()
            return str(IPv4Address(answer.content.decode("ascii", "replace").strip()))
        except (httpx.HTTPError, httpx.InvalidURL, AddressValueError):
            return ""
