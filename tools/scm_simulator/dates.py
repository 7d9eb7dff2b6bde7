"""Dates as SCM writes them (SCM reference §3.5)."""

from __future__ import annotations

from datetime import UTC, date, datetime

ISO = "ISO"
ISO_HMS = "ISO_HMS"

_PATTERNS = {
    "ISO": "yyyy-MM-dd",
    "ISO_HMS": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
    "EU": "dd.MM.yyyy",
    "EU_HMS": "dd.MM.yyyy HH:mm:ss",
    "US": "MM/dd/yyyy",
    "US_HMS": "MM/dd/yyyy HH:mm:ss",
    "UK": "dd/MM/yyyy",
    "UK_HMS": "dd/MM/yyyy HH:mm:ss",
    "JP": "yyyy/MM/dd",
    "JP_HMS": "yyyy/MM/dd HH:mm:ss",
}
_DIRECTIVES = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "'": ""}


def utcnow() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def format_date(time: datetime, name: str) -> str:
    """Return *time* (aware) in the date format *name*."""
    pattern = _PATTERNS[name].replace("SSS", f"{time.microsecond // 1000:03d}")
    for letters, directive in _DIRECTIVES.items():
        pattern = pattern.replace(letters, directive)
    return time.astimezone(UTC).strftime(pattern)


def date_format_named(text: str) -> str | None:
    """Return the name of the date format that *text* names or spells as a pattern, else None."""
    wanted = text.casefold()
    for name, pattern in _PATTERNS.items():
        if wanted in (name.casefold(), pattern.casefold()):
            return name
    return None


def midnight(day: date) -> datetime:
    """Return 00:00 of *day* in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
