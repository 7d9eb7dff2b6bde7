"""The RAO's texts: both languages are complete and have the same content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import renewal
from certmandate.views.language import language, languages, marked
from renewal.domain.due import Cause
from renewal.domain.errors import NeedsAttention, every_error
from renewal.domain.setup.check_result import SetupStep
from renewal.mail.language import language_of

_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")
_SCREEN = re.compile(r"\[\[.+?\]\]")
_CODE = re.compile(
    r'(?:failed|warning|Finding|CheckResult|_Fault)\((?:[^"()]*,)?\s*"([A-Z][A-Za-z]+)"|return "([A-Z][a-z]+[A-Z]\w+)"'
)


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every text with its key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{place}[{index}]")
    else:
        yield place, value


FRENCH, ENGLISH = (dict(leaves(language.texts)) for language in languages())


def test_both_languages_have_the_same_keys() -> None:
    """A missing text would be a gap in the guide."""
    assert FRENCH.keys() == ENGLISH.keys()


def test_every_text_is_a_non_empty_string() -> None:
    """`no: …` is a boolean in YAML, and an empty text an empty paragraph."""
    texts = [*FRENCH.items(), *ENGLISH.items()]

    assert [place for place, text in texts if not isinstance(text, str) or not text.strip()] == []


@pytest.mark.parametrize("pattern", [_PLACEHOLDER, _SCREEN], ids=["values", "screens"])
def test_both_languages_have_the_same_values_and_menu_paths(pattern: re.Pattern[str]) -> None:
    """A value or menu that one language lacks is a missing instruction."""
    differing = [
        place for place, text in FRENCH.items() if set(pattern.findall(text)) != set(pattern.findall(ENGLISH[place]))
    ]

    assert differing == []


def test_no_text_calls_certificates_annual() -> None:
    """Certificates are valid for 199 days at most."""
    assert not [
        text
        for text in [*FRENCH.values(), *ENGLISH.values()]
        if re.search(r"annu|yearly|par an\b", text, re.IGNORECASE)
    ]


def test_every_cause_of_an_order_has_a_text() -> None:
    """The report states why each certificate was ordered."""
    assert {cause.value for cause in Cause} == set(language("fr").texts["causes"])


def test_every_error_for_the_rao_has_a_text() -> None:
    """Without a text, the mail could only report an unknown fault."""
    needed = {
        kind.__name__
        for kind in every_error()
        if issubclass(kind, NeedsAttention) and (kind.actor == "rao" or getattr(kind, "ends_order", False))
    }

    assert needed - set(language("fr").texts["findings"]) == set()


def test_every_finding_has_a_text() -> None:
    """The mail must have in French what to do; what only the operator acts on is on the page, and in no mail."""
    french = language("fr")
    folder = Path(renewal.__file__).parent / "domain"
    found = {
        name
        for path in folder.rglob("*.py")
        if path.name in {"checks.py", "domain_checks.py", "forecast.py", "finding.py"}
        for match in _CODE.finditer(path.read_text(encoding="utf-8"))
        for name in match.groups()
        if name
    }

    assert len(found) > 20
    assert found - set(french.texts["findings"]) - set(french.at("status.problems")) == set()


def test_the_guide_has_a_text_for_each_setup_step() -> None:
    """The guide and `certmandate check` have the same steps."""
    assert [len(language.texts["guide"]["steps"]) for language in languages()] == [len(SetupStep), len(SetupStep)]


def test_days_and_months_follow_the_language() -> None:
    """In French the first of a month is an ordinal."""
    french, english = languages()

    assert (french.day(date(2026, 8, 1)), french.day(date(2026, 8, 2))) == ("1er août 2026", "2 août 2026")
    assert (english.day(date(2026, 8, 1)), english.month(date(2026, 8, 1))) == ("1 August 2026", "August 2026")


def test_french_punctuation_has_no_break_spaces() -> None:
    """A plain space before a colon would let the colon wrap."""
    assert not [text for text in FRENCH.values() if re.search(r" [:;?!»]|« ", text)]


def test_values_never_become_markup() -> None:
    """An organisation's name is untrusted input."""
    made = marked("[[Add]] {name} `{name}`", {"name": "<b>[[x]]`y`{name}"})

    assert made.count("<b>") == 0
    assert made.count("&lt;b&gt;[[x]]`y`{name}") == 2
    assert made.count("<code>") == 1


def test_french_texts_have_typographic_apostrophes_but_not_in_code() -> None:
    """The papers had typewriter apostrophes beside proper quotation marks; what is typed or copied stays as it is."""
    texts = {"a": "l'accès à [[Sectigo's page]], d'une `l'option` (§ 4)", "b": ["'quoted'"]}

    french, english = language_of("fr", texts).texts, language_of("en", texts).texts

    assert french["a"] == "l\u2019accès à [[Sectigo's page]], d\u2019une `l'option` (§\u00a04)"
    assert english["a"] == "l'accès à [[Sectigo's page]], d'une `l'option` (§\u00a04)"
    assert french["b"] == ["'quoted'"]
    assert language_of("fr", {"a": "[[Access Control]]"}).texts["a"] == "[[Access Control]] (Contrôle d\u2019accès)"
