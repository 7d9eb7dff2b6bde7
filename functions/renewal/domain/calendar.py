"""The calendar of public TLS as data: lifetimes, reuse of validations, and what ends, each row with its source.

BR: CA/B Forum, TLS Baseline Requirements v2.2.8. A day is 86,400 seconds and any further second counts as another day
(§6.3.2), so certmandate asks for one day less. Where Sectigo is stricter than the BR, Sectigo's number decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Phase:
    """The rules for certificates issued from a day on (UTC); all spans in days."""

    begins: datetime
    term_days: int
    """The longest term to ask for."""
    dcv_reuse_days: int
    """How long a domain validation may be used again."""
    permitted_term_days: int
    """The longest lifetime that the BR permit (§6.3.2)."""
    source: str
    organisation_reuse_days: int = 398
    """How long an organisation validation may be used again."""


PHASES = (
    Phase(datetime(2020, 9, 1, tzinfo=UTC), 397, 398, 398, "BR §4.2.1, §6.3.2", 825),
    # Sectigo moved three days before the ballot's 15 March.
    Phase(datetime(2026, 3, 12, tzinfo=UTC), 199, 198, 200, "BR §4.2.1, §6.3.2 (SC-081v3); Sectigo's knowledge base"),
    Phase(datetime(2027, 3, 15, tzinfo=UTC), 99, 98, 100, "BR §4.2.1, §6.3.2 (SC-081v3); Sectigo's numbers expected"),
    Phase(datetime(2029, 3, 15, tzinfo=UTC), 46, 10, 47, "BR §4.2.1, §6.3.2 (SC-081v3); Sectigo's numbers expected"),
)
PERSISTENT_REUSE = timedelta(days=10)
"""How long a validation by a persistent DNS record may be used again, in every phase (BR §3.2.2.4.22)."""

PERSISTENT_METHOD = "PERSIST"
"""Letters in SCM's name of that method; which name it has is not documented."""


@dataclass(frozen=True, slots=True)
class Sunset:
    """What a CA no longer accepts, or no longer puts into certificates."""

    subject: str
    ends: date
    """The first day without it (UTC)."""
    source: str
    method: str = ""
    """Letters in SCM's name of a validation method, upper case; empty when it is not a method."""


CLIENT_AUTH = Sunset(
    "extended key usage clientAuth in Sectigo's certificates",
    date(2027, 2, 10),
    "sectigo.com/faq-client-authentication-eku-deprecation",
)
METHOD_SUNSETS = (
    Sunset("domain validation by phone", date(2027, 3, 15), "BR §3.2.2.4.16, .17 (SC-090)", "PHONE"),
    Sunset("domain validation by e-mail", date(2028, 3, 15), "BR §3.2.2.4.4, .13, .14 (SC-090)", "EMAIL"),
)
SUNSETS = (CLIENT_AUTH, *METHOD_SUNSETS)


def phase_at(time: datetime) -> Phase:
    """Return the phase in force at *time*."""
    return [phase for phase in PHASES if phase.begins <= time][-1] if time >= PHASES[0].begins else PHASES[0]


def is_method(name: str, method: str) -> bool:
    """Return whether SCM's *name* of a validation method has the letters *method*, whatever its case and separators."""
    return method in "".join(letter for letter in name.upper() if letter.isalpha())
