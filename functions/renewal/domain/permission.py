"""What an operator permits that no run may do on its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OrderAgain:
    """An operator's permission, after a search in SCM, for one POST although SCM may have the order already.

    It holds for the record that the operator saw, so the POST that it permits uses it up. No function writes it.
    """

    reason: str
    by: str
    """ARN of the operator."""
    at: datetime
    revision: int
    """Of the certificate's record."""
    posts: int = 0
    """How many POSTs of the open order there had been; 0 = no order was open."""
