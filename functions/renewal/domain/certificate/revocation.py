"""A revocation that the operator has asked the RAO for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RevocationRequest:
    """One certificate that is to be revoked in SCM; stored until SCM shows it, and after that."""

    serial: str
    """Normalised."""
    ssl_id: int
    """0 = unknown."""
    names: tuple[str, ...]
    reason_code: str
    """As in RFC 5280 §5.3.1: `keyCompromise`."""
    requested_at: datetime
    not_after: datetime | None = None
    """When the certificate expires: it cannot be revoked after that."""

    @property
    def is_urgent(self) -> bool:
        """Whether the certificate is revoked at once, although clients of its service then refuse it."""
        return self.reason_code == "keyCompromise"
