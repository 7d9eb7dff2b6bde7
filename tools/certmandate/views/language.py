"""The two languages of what a RAO reads: one file of texts each, filled in so that no value can become markup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup, escape

TEXTS = Path(__file__).parent / "texts"
CODES = ("fr", "en")
"""The languages, in the order in which a page has them."""
_PARTS = re.compile(r"\[\[(?P<screen>.+?)\]\]|`(?P<code>[^`]+)`|\{(?P<value>[a-z_]+)\}")
_VALUE = re.compile(r"\{([a-z_]+)\}")
_BEFORE, _AFTER = re.compile(r" (?=[:;?!»])"), re.compile(r"(?<=«) ")


@dataclass(frozen=True, slots=True)
class Language:
    """One language. `texts` is what its file says: mappings and lists of texts."""

    code: str
    texts: Mapping[str, Any]

    def text(self, key: str, **values: object) -> str:
        """Return the text at *key* (`report.title`), filled in, without marks: for mails and terminals."""
        return plain(self.at(key), values)

    def at(self, key: str) -> Any:
        """Return what stands at *key*: a text, or a list or mapping of them. Raises KeyError when nothing does."""
        found: Any = self.texts
        for part in key.split("."):
            found = found[part]
        return found

    def day(self, day: date) -> str:
        """Return *day* in words, as in `23 November 2026` (in French the first is `1er`)."""
        number = "1er" if self.code == "fr" and day.day == 1 else str(day.day)
        return self.text("day", number=number, month=self._month(day), year=day.year)

    def moment(self, at: datetime) -> str:
        """Return *at* in words, as in `23 November 2026, 08:00` (in French `23 novembre 2026 à 8 h 00`)."""
        return self.text("moment", day=self.day(at.date()), time=self.time(at))

    def time(self, at: datetime) -> str:
        """Return the time of day of *at*."""
        return f"{at.hour}\u00a0h\u00a0{at:%M}" if self.code == "fr" else f"{at:%H:%M}"

    def month(self, day: date) -> str:
        """Return the month of *day* in words, as in `November 2026`."""
        return self.text("month", month=self._month(day), year=day.year)

    def _month(self, day: date) -> str:
        return str(self.texts["months"][day.month - 1])


def marked(text: str, values: Mapping[str, object]) -> Markup:
    """Return *text* as HTML: `[[…]]` as words of SCM's screens, backquoted as code, `{…}` filled in and escaped.

    Marks are looked for in *text* alone, never in *values*, and every piece is escaped on its own.
    """
    pieces, end = [], 0
    for match in _PARTS.finditer(text):
        pieces += [escape(text[end : match.start()]), _part(match, values)]
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _part(match: re.Match[str], values: Mapping[str, object]) -> Markup:
    if match["screen"]:
        return Markup('<span class="screen" lang="en">{}</span>').format(match["screen"])
    if match["code"]:
        return Markup("<code>{}</code>").format(plain(match["code"], values))
    return escape(values[match["value"]])


def plain(text: str, values: Mapping[str, object]) -> str:
    """Return *text* without marks and with its values filled in."""
    bare = text.replace("[[", "").replace("]]", "").replace("`", "")
    return _VALUE.sub(lambda match: str(values[match[1]]), bare)


@cache
def language(code: str) -> Language:
    """Return the language called *code*: `fr` or `en`."""
    texts = yaml.safe_load((TEXTS / f"{code}.yaml").read_text(encoding="utf-8"))
    return Language(code, _spaced(texts) if code == "fr" else texts)


def languages() -> tuple[Language, ...]:
    """Return both languages, in the order of a page."""
    return tuple(language(code) for code in CODES)


def _spaced(value: Any) -> Any:
    """French: a no-break space before : ; ? ! and inside quotation marks."""
    if isinstance(value, dict):
        return {key: _spaced(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spaced(inner) for inner in value]
    return _AFTER.sub("\u00a0", _BEFORE.sub("\u00a0", value)) if isinstance(value, str) else value
