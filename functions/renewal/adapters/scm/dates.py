"""The formats in which SCM writes dates (SCM reference §3.5)."""

from __future__ import annotations

from datetime import UTC, date, datetime

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Of what is read: programs write the year 1 for an unset date, of which no margin can be subtracted."""
_PATTERNS = (
    # MM/dd/yyyy is SCM's default; dd/MM/yyyy is read only where the former is impossible.
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M:%S",
)


def time_from(value: object) -> datetime | None:
    """Return SCM's *value* as an aware time in UTC; None when it is empty or not readable.

    Without a zone it is taken as UTC, without a time as midnight: SCM documents neither, so only reports may depend on
    it (a certificate's own validity is in the certificate).
    """
    if not isinstance(value, str) or not value.strip():
        return None
    found = _parsed(value.strip())
    if found is None:
        return None
    try:
        in_utc = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:  # in the first or last hours of the calendar, where the zone does not matter
        in_utc = found.replace(tzinfo=UTC)
    return max(in_utc, _EARLIEST)


def date_from(value: object) -> date | None:
    """Return the day of SCM's *value* in UTC; None as in `time_from`."""
    found = time_from(value)
    return found.date() if found else None


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return next((found for pattern in _PATTERNS if (found := _parsed_by(pattern, text))), None)


def _parsed_by(pattern: str, text: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007  # `time_from` adds the zone
    except ValueError:
        return None
