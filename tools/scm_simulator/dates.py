"""Dates as SCM writes them (SCM reference §3.5)."""

from __future__ import annotations

from datetime import UTC, date, datetime

US = "US"
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
FORMATS = tuple(_PATTERNS)
_DIRECTIVES = (
    ("yyyy", "%Y"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("SSS", "{milliseconds:03d}"),
    ("'", ""),
)


def utcnow() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def written(moment: datetime, form: str) -> str:
    """Return *moment* (aware) in one of FORMATS, by name."""
    pattern = _PATTERNS[form]
    for letters, directive in sorted(_DIRECTIVES, key=lambda pair: -len(pair[0])):
        pattern = pattern.replace(letters, directive)
    text = moment.astimezone(UTC).strftime(pattern)
    return text.replace("{milliseconds:03d}", f"{moment.microsecond // 1000:03d}")


def form_named(text: str) -> str | None:
    """Return the name of the format that *text* asks for, by its name or its pattern, else None."""
    wanted = text.casefold()
    for name, pattern in _PATTERNS.items():
        if wanted in (name.casefold(), pattern.casefold()):
            return name
    return None


def moment_of(text: str) -> datetime | None:
    """Read an ISO date (`2026-01-31`, `2026-01-31T00:00:00.000Z`); return None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def midnight(day: date) -> datetime:
    """Return the first moment of *day* in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
