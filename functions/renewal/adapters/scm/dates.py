"""The ways in which SCM writes dates (SCM reference §3.5)."""

from __future__ import annotations

from datetime import UTC, date, datetime

_PATTERNS = (
    # MM/dd/yyyy is what SCM writes unasked; dd/MM/yyyy is believed only where the former is impossible.
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M:%S",
)


def moment(value: object) -> datetime | None:
    """Return the aware UTC moment that SCM's *value* says; None when it says nothing, or nothing readable.

    Without a zone it is taken as UTC, without a time as midnight: SCM documents neither, so nothing but
    reports may depend on it (a certificate's own validity is in the certificate).
    """
    if not isinstance(value, str) or not value.strip():
        return None
    found = _parsed(value.strip())
    if found is None:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def day(value: object) -> date | None:
    """Return the day, in UTC, that SCM's *value* says; None as in `moment`."""
    found = moment(value)
    return found.date() if found else None


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return next((found for pattern in _PATTERNS if (found := _by(pattern, text))), None)


def _by(pattern: str, text: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007  # `moment` gives it its zone
    except ValueError:
        return None
