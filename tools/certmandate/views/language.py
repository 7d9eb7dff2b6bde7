"""The languages of the RAO's pages: the texts of mails and those of pages; no value can become markup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from markupsafe import Markup, escape

from renewal.domain.delegation import LANGUAGES
from renewal.domain.names import with_readable_names
from renewal.mail.language import Language, language_of, mail_language, plain

TEXTS = Path(__file__).parent / "texts"
_PARTS = re.compile(r"\[\[(?P<screen>.+?)\]\]|`(?P<code>[^`]+)`|\{(?P<value>[a-z_]+)\}")


def marked(text: str, values: Mapping[str, object]) -> Markup:
    """Return *text* as HTML: `[[…]]` as labels of SCM, backquotes as code, `{…}` filled in and escaped.

    Only *text* can contain marks, never *values*, and every piece is escaped separately.
    """
    pieces, end = [], 0
    for match in _PARTS.finditer(text):
        pieces += [escape(text[end : match.start()]), _part(match, values)]
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _part(match: re.Match[str], values: Mapping[str, object]) -> Markup:
    if match["screen"]:
        return Markup('<code class="screen" lang="en">{}</code>').format(match["screen"])
    if match["code"]:
        return Markup("<code>{}</code>").format(plain(match["code"], values))
    return escape(with_readable_names(str(values[match["value"]])))


@cache
def language(code: str) -> Language:
    """Return the language called *code*, `fr` or `en`, with all texts."""
    texts = yaml.safe_load((TEXTS / f"{code}.yaml").read_text(encoding="utf-8"))
    return Language(code, {**language_of(code, texts).texts, **mail_language(code).texts})


def what_is_wrong(of: Language, code: str) -> str:
    """Return the sentence about a finding or an error; the code itself where there is none."""
    texts, findings = of.at("status.problems"), of.at("findings")
    return str(texts[code] if code in texts else findings[code]["what"] if code in findings else code)


def languages() -> tuple[Language, ...]:
    """Return both languages, in the order of a page."""
    return tuple(language(code) for code in LANGUAGES)
