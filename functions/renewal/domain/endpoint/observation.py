"""What the endpoints of a certificate presented, as its record keeps it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from renewal.domain.certificate.serial import MOST_DIGITS

MOST_TEXT = 300
"""Characters of an observation's text: a record has up to 50 endpoints with several addresses each."""
_OF_A_HOST = {
    "name": r"[a-z0-9-]{1,40}",
    "state": r"[a-z -]{1,40}",
    "serial": r"[0-9A-Fa-f]{0,40}",  # 20 octets (RFC 5280 §4.1.2.2)
    "public_key_sha256": r"[0-9A-Fa-f]{0,64}",
}
"""Patterns of the members of a report."""


class EndpointState(StrEnum):
    """What one address of an endpoint presented."""

    SERVED = "served"
    """The certificate that the stores have, or get, with a chain that leads to a trusted root."""
    OLD = "old"
    """A former certificate of this one: the server was not reloaded."""
    FOREIGN = "foreign"
    """A certificate that was not ordered here for this one."""
    BROKEN = "broken"
    """The right certificate that clients refuse (name, purpose, chain, validity), or no handshake."""
    UNREACHABLE = "unreachable"
    """No connection, or no address, or more addresses than are contacted."""
    UNREPORTED = "unreported"
    """The server that reports has not, not about this certificate, or nothing that counts."""


class ServiceState(StrEnum):
    """Whether clients meet a certificate at all its endpoints."""

    SERVED = "served"
    PARTLY = "partly served"
    NOT_SERVED = "not served"
    NOT_VERIFIED = "not verified"
    """What was observed last is too long ago to claim anything."""
    NOT_DECLARED = "not declared"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one address of one endpoint presented. Raises ValueError when it is longer than an item has room for."""

    endpoint: str
    """The endpoint as text (`renewal.domain.endpoint.declaration`)."""
    state: EndpointState
    since: datetime
    """When the address was first observed in this state, without another one since."""
    address: str = ""
    """Empty when there is none: the name does not resolve, or a server reports."""
    text: str = ""
    """What it presented, or why nothing; empty when it is served."""
    serial: str = ""
    """Of the certificate that it presented; empty when there was none."""
    is_revoked: bool = False
    """Whether it presented a former certificate that is revoked, or whose key is compromised."""

    def __post_init__(self) -> None:
        """Servers of others choose text and serial, which are stored beside the orders of the certificate."""
        if len(self.text) > MOST_TEXT or len(self.serial) > MOST_DIGITS:
            msg = f"a text of {len(self.text)} and a serial of {len(self.serial)} characters"
            raise ValueError(msg)

    @property
    def place(self) -> tuple[str, str]:
        """By what it is found in another record."""
        return self.endpoint, self.address

    def __str__(self) -> str:
        """`idp.univ.example:443 (192.0.2.7) old: …`."""
        address = f" ({self.address})" if self.address and self.address not in self.endpoint else ""
        return f"{self.endpoint}{address} {self.state}{f': {self.text}' if self.text else ''}"


@dataclass(frozen=True, slots=True)
class InstalledCertificate:
    """A certificate in a host's report (tools/certmandate_fetch/report.py). Raises ValueError when it cannot be one."""

    name: str
    state: str
    """`served`: the host has connected to itself, and every endpoint presents it."""
    serial: str = ""
    public_key_sha256: str = ""
    text: str = ""
    """As long as the report permits: it is shortened where it is used."""

    def __post_init__(self) -> None:
        """Bound what a host writes and the order book keeps."""
        for name, pattern in _OF_A_HOST.items():
            if not re.fullmatch(pattern, getattr(self, name)):
                msg = f"'{name}' is not as certmandate-fetch writes it"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class HostReport:
    """What a host has installed, and whether it presents it."""

    at: datetime
    certificates: tuple[InstalledCertificate, ...] = ()

    def of(self, certificate: str) -> InstalledCertificate | None:
        """Return what it reports about *certificate*."""
        return next((each for each in self.certificates if each.name == certificate), None)


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What all endpoints of a certificate presented when they were last contacted."""

    serial: str
    """Of the certificate that was expected."""
    observed_at: datetime
    observations: tuple[Observation, ...]
    unserved_since: datetime | None = None
    """Since when not every endpoint has served it; None while they do."""
    hours_to_served: float | None = field(default=None, metadata={"stored": "hours"})
    """From issuing the certificate to the first time that every endpoint served it; None before, or when unknown.

    In records of earlier versions: from storing it."""
    announced: ServiceState | None = None
    """`served` or `not served`, as the last event about this certificate has it; None before the first."""

    def presenting(self, serial: str) -> tuple[str, ...]:
        """Return the endpoints that presented the certificate with *serial*, normalised."""
        return tuple(dict.fromkeys(each.endpoint for each in self.observations if each.serial == serial))

    def has_waited(self, grace: timedelta) -> bool:
        """Return whether an endpoint has not served it for longer than *grace*, or presents a revoked one.

        Clients refuse what is revoked, so that nothing is gained by waiting until a server has fetched the new one.
        """
        if any(each.is_revoked for each in self.observations):
            return True
        return self.unserved_since is not None and self.observed_at - self.unserved_since > grace
