"""What a step asks of where it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from renewal.deadline import Deadline

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""
EgressAddress = Callable[[], str]
"""Returns the IPv4 address from which our requests reach other hosts, empty when unknown; never raises."""
NextRotation = Callable[[str], date | None]
"""Returns the day by which a delegation's password is rotated, None when not, or not known; never raises."""
TxtRecords = Callable[[str, Deadline], tuple[str, ...] | None]
"""Returns the TXT records at a DNS name, () when it has none; None when not known before the deadline; never raises."""
