"""The next renewal of a certificate, and whether there will be one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from renewal.domain.forecast import coming_renewal
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.snapshot import dcv_of
from renewal.ports import DelegationRecord


@dataclass(frozen=True, slots=True)
class Coming:
    """The next renewal of a certificate, as the run will decide it on that day."""

    moment: datetime | None
    """None while nothing is served."""
    mandate_ends: date | None

    @classmethod
    def of(cls, certificate: ManagedCertificate, record: DelegationRecord, now: datetime) -> Self:
        """What is known of it from the last inspection."""
        lapses = dcv_of(record.inspection.delegated, certificate.spec.names) if record.inspection else None
        return cls(coming_renewal(certificate, lapses, now), record.delegation.mandate_ends)

    @property
    def is_after_the_mandate(self) -> bool:
        """Whether nothing is ordered on that day any more."""
        return bool(self.moment and self.mandate_ends and self.mandate_ends < self.moment.date())

    @property
    def renew_at(self) -> str:
        """ISO 8601; empty when there is none."""
        return self.moment.isoformat() if self.moment and not self.is_after_the_mandate else ""
