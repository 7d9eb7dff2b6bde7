"""What a step asks of where it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""
EgressAddress = Callable[[], str]
"""Returns the IPv4 address from which our requests reach other hosts, empty when unknown; never raises."""
NextRotation = Callable[[str], date | None]
"""Returns the day by which a delegation's password is rotated, None when not, or not known; never raises."""
