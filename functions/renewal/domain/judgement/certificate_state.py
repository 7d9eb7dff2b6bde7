"""The state of a certificate at a given time."""

from __future__ import annotations

from enum import IntEnum


class CertificateState(IntEnum):
    """The state of a certificate, most urgent first."""

    EXPIRED = 0
    REVOKED = 1
    """SCM reports the stored certificate as revoked."""
    NEAR_EXPIRY = 2
    """A tenth of its lifetime is left: renewal has failed for weeks."""
    FAILING = 3
    """Its last order or run failed and none has succeeded since, or SCM's certificate for it was not stored."""
    MANDATE_ENDED = 4
    """It is due, and nothing is ordered because the mandate ended."""
    BLOCKED = 5
    """It is due, and the last inspection found why no order for it would be accepted."""
    PENDING = 6
    """An order is open."""
    DUE = 7
    """The next daily run renews it."""
    NEW = 8
    """The next daily run orders it for the first time."""
    FINE = 9

    @property
    def label(self) -> str:
        """The state as it is printed: `near-expiry`."""
        return self.name.lower().replace("_", "-")
