"""The two languages of the RAO's texts: one file each, filled in without interpreting what is filled in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

TEXTS = Path(__file__).parent / "texts"
_VALUE = re.compile(r"\{([a-z_]+)\}")
_MENU = re.compile(r"\[\[(.+?)\]\]")
_NO_BREAK = re.compile(r" (?=[:;?!»])|(?<=«) ")
_SECTION = re.compile(r"(?<=§) ")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=\S)")
_VERBATIM = re.compile(r"(\[\[.+?\]\]|`[^`]+`)")
"""Labels of SCM and code, which are copied."""
_FRENCH_MENUS = {
    "Access Control": "Contrôle d'accès",
    "Add": "Ajouter",
    "Automatically approve certificate requests": "Approuver automatiquement les demandes de certificat",
    "Admins": "Administrateurs",
    "Certificate Profiles": "Profils de certificat",
    "Certificates": "Certificats",
    "Custom Fields": "Champs personnalisés",
    "Department Name": "Nom du département",
    "Departments": "Départements",
    "Domains": "Domaines",
    "Edit": "Modifier",
    "Enrollment": "Demandes",
    "External Requester": "Demandeur externe",
    "General": "Général",
    "Organization ACL": "Liste d'accès de l'organisation",
    "Organizations": "Organisations",
    "SSL Certificate": "Certificat SSL",
    "SSL Certificates": "Certificats SSL",
    "Settings": "Paramètres",
    "Web API use only": "API Web uniquement",
    "; ": "\u00a0; ",
}
"""SCM's portal is in English; the French texts give the meaning of each menu beside it."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language. `texts` is the content of its file: mappings and lists of texts."""

    code: str
    texts: Mapping[str, Any]

    def text(self, key: str, **values: object) -> str:
        """Return the text at *key* (`report.title`), filled in, without marks: for mails and terminals."""
        return plain(self.at(key), values)

    def at(self, key: str) -> Any:
        """Return the text, list or mapping at *key*. Raises KeyError."""
        part_of_texts: Any = self.texts
        for part in key.split("."):
            part_of_texts = part_of_texts[part]
        return part_of_texts

    def day(self, day: date) -> str:
        """Return *day* in words, as in `23 November 2026` (in French the first is `1er`)."""
        number = "1er" if self.code == "fr" and day.day == 1 else str(day.day)
        return self.text("day", number=number, month=self._month(day), year=day.year)

    def minute(self, at: datetime) -> str:
        """Return *at* in words, as in `23 November 2026, 08:00` (in French `23 novembre 2026 à 8 h 00`)."""
        return self.text("minute", day=self.day(at.date()), time=self.time(at))

    def time(self, at: datetime) -> str:
        """Return the time of day of *at*."""
        return f"{at.hour}\u00a0h\u00a0{at:%M}" if self.code == "fr" else f"{at:%H:%M}"

    def meaning(self, path: str) -> str:
        """Return what to write after a menu path of SCM: in French ` (Administrateurs → Modifier)`, else nothing."""
        return _meaning(path) if self.code == "fr" else ""

    def month(self, day: date) -> str:
        """Return the month of *day* in words, as in `November 2026`."""
        return self.text("month", month=self._month(day), year=day.year)

    def _month(self, day: date) -> str:
        return str(self.texts["months"][day.month - 1])


def plain(text: str, values: Mapping[str, object]) -> str:
    """Return *text* without marks and with its values filled in."""
    bare = text.replace("[[", "").replace("]]", "").replace("`", "")
    return _VALUE.sub(lambda match: str(values[match[1]]), bare)


@cache
def mail_language(code: str) -> Language:
    """Return the language called *code*, `fr` or `en`, with the texts of mails."""
    return language_of(code, tomllib.loads((TEXTS / f"{code}.toml").read_text(encoding="utf-8")))


def language_of(code: str, texts: Mapping[str, Any]) -> Language:
    """Return *texts* as a language.

    A paragraph's number stays beside its sign. French texts get the meaning beside each menu, no-break spaces before
    : ; ? ! and inside quotes, and typographic apostrophes outside labels and code.
    """
    return Language(code, _typeset(texts, is_french=code == "fr"))


def _typeset(value: Any, *, is_french: bool) -> Any:
    if isinstance(value, dict):
        return {key: _typeset(inner, is_french=is_french) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typeset(inner, is_french=is_french) for inner in value]
    if not isinstance(value, str):
        return value
    text = _SECTION.sub("\u00a0", value)
    return _in_french(text) if is_french else text


def _in_french(text: str) -> str:
    with_meanings = _MENU.sub(lambda match: match[0] + _meaning(match[1]), text)
    pieces = _VERBATIM.split(_NO_BREAK.sub("\u00a0", with_meanings))
    return "".join(piece if number % 2 else _with_apostrophes(piece) for number, piece in enumerate(pieces))


def _with_apostrophes(text: str) -> str:
    return _APOSTROPHE.sub("\N{RIGHT SINGLE QUOTATION MARK}", text)


def _meaning(path: str) -> str:
    """Return the French meaning of a menu path in brackets; empty when no part of it has one."""
    labels = re.split(r"( → |, |; )", path)
    meaning = "".join(_FRENCH_MENUS.get(label, label) for label in labels)
    return f" ({_with_apostrophes(meaning)})" if {*labels} & _FRENCH_MENUS.keys() else ""
