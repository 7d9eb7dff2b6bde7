"""The calendar of public TLS: how long a certificate may live, by the day it is issued.

Source: CA/B Forum, TLS Baseline Requirements v2.2.6 §6.3.2 and §4.2.1 (ballot SC-081v3). A day is 86,400 seconds and
any further second counts as another day, so certmandate asks for one day less.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Phase:
    """The rules for certificates issued from a day on (UTC); all spans in days."""

    begins: datetime
    term_days: int
    """The longest term to ask for."""
    dcv_reuse_days: int
    """How long a domain validation may be used again."""
    organisation_reuse_days: int = 398
    """How long an organisation validation may be used again."""


PHASES = (
    Phase(datetime(2020, 9, 1, tzinfo=UTC), 397, 398, 825),
    Phase(datetime(2026, 3, 12, tzinfo=UTC), 199, 198),  # Sectigo moved three days before the ballot's 15 March
    Phase(datetime(2027, 3, 15, tzinfo=UTC), 99, 98),
    Phase(datetime(2029, 3, 15, tzinfo=UTC), 46, 10),
)


def phase_at(time: datetime) -> Phase:
    """Return the phase in force at *time*."""
    return [phase for phase in PHASES if phase.begins <= time][-1] if time >= PHASES[0].begins else PHASES[0]
