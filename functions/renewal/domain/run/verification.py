"""What the verification of declared endpoints came to: of one child execution, and of all of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from renewal import records


@dataclass(frozen=True, slots=True)
class Verification:
    """Numbers of certificates, but for `endpoints_not_served`; of those that were to be verified."""

    verified: int = 0
    late: int = 0
    """Not verified, because the time was over."""
    failed: int = 0
    """Not verified for another reason."""
    failure: str = ""
    """The first of the reasons: `StoreRefused: univ/idp: …`."""
    certificates_not_served: int = 0
    """After their grace."""
    endpoints_not_served: int = 0
    hours_to_served: float | None = None
    """The longest time from issued to served of those that are served for the first time; None without any."""

    @classmethod
    def total(cls, parts: Sequence[Self]) -> Self:
        """Return the sum of *parts*, with the first failure and the longest time."""
        hours = [part.hours_to_served for part in parts if part.hours_to_served is not None]
        return cls(
            verified=sum(part.verified for part in parts),
            late=sum(part.late for part in parts),
            failed=sum(part.failed for part in parts),
            failure=next((part.failure for part in parts if part.failure), ""),
            certificates_not_served=sum(part.certificates_not_served for part in parts),
            endpoints_not_served=sum(part.endpoints_not_served for part in parts),
            hours_to_served=max(hours, default=None),
        )

    def payload(self) -> dict[str, Any]:
        """Return it as JSON."""
        return records.to_json(self)

    @property
    def not_verified(self) -> str:
        """The first reason, and how many more there are; empty without any."""
        return f"{self.failure}; and {self.failed - 1} more" if self.failed > 1 else self.failure

    @property
    def metrics(self) -> dict[str, float]:
        """For the dashboard; without `HoursToServed` when none is served since this run."""
        hours = {} if self.hours_to_served is None else {"HoursToServed": self.hours_to_served}
        return {
            "EndpointsNotServed": self.endpoints_not_served,
            "CertificatesNotServed": self.certificates_not_served,
            "CertificatesNotVerified": self.late + self.failed,
            **hours,
        }
