"""The RAO's guide: this delegation's own values, in both languages, and nothing from outside."""

from __future__ import annotations

import re
from typing import Any

import pytest

from certmandate.onboarding import onboarding
from certmandate.views.guide import entries_of, guide
from tests.certmandate.rao_samples import HOSTILE, NOW, answers


def made(**changes: Any) -> str:
    return guide(onboarding(answers(**changes), NOW), NOW.date())


def part(page: str, code: str) -> str:
    """One language's part of a page."""
    return page.split(f'<section class="language" id="{code}"')[1].split("</section>", maxsplit=1)[0]


@pytest.mark.parametrize("code", ["fr", "en"])
def test_every_value_of_the_delegation_stands_in_both_languages(code: str) -> None:
    """The RAO types from the guide, whichever language they read."""
    text = part(made(), code)

    for value in ("draoUNIVReseauExemple", "certificats@reseau.example", "51.15.20.30/32", "*.apps.univ.example"):
        assert value in text


@pytest.mark.parametrize("code", ["fr", "en"])
def test_there_is_a_box_to_tick_for_each_step(code: str) -> None:
    """Eight steps, in their order."""
    assert re.findall(rf'type="checkbox" name="{code}-step-(\d)"', made()) == list("12345678")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (2, "at most 20 characters"),
        (4, "Delegate only what is in this list"),
        (5, "another channel"),
        (7, "Only after step 6"),
        (8, "Only after steps 6 and 7"),
    ],
)
def test_each_step_warns_of_where_people_go_wrong(step: int, said: str) -> None:
    """The mistakes that the field knows of stand where they are made."""
    english = part(made(), "en")

    assert said in english.split(f'name="en-step-{step}"')[1].split('<div class="step">')[0]


def test_exact_names_and_stars_are_explained_by_what_they_permit() -> None:
    """The semantics that people get wrong."""
    exact, star = entries_of(onboarding(answers(), NOW))

    assert (exact.is_star, exact.certificates) == (False, ("idp",))
    assert (star.is_star, star.base, star.is_wide) == (True, "apps.univ.example", False)
    assert "Every name below <code>apps.univ.example</code>" in made()


def test_a_star_over_the_whole_organisation_is_called_wide() -> None:
    """The RAO should see that it is more than a service needs."""
    assert "This is a wide delegation" in made(delegate=("*.univ.example",))
    assert "This is a wide delegation" not in made()


def test_a_parent_domain_is_named_only_where_somebody_might_delegate_it_in_vain() -> None:
    """What is delegated itself is not said to be of no use, and nobody delegates a top-level domain."""
    assert "parent domain <code>univ.example</code>" in made()
    assert "parent domain" not in made(certificates={"www": ("univ.example",)}, delegate=())


def test_the_page_asks_for_nothing_from_outside() -> None:
    """It is opened from a mail: no tracking, no font, no script."""
    page = made()

    assert not re.search(r"<(script|link|img|iframe|object)|@import|url\(|src=|https?://", page)


def test_a_hostile_name_injects_nothing() -> None:
    """What the operator pastes may come from anybody."""
    page = made(organisation=HOSTILE, third_party=HOSTILE, account="drao1")

    assert "<script" not in page
    assert "alert(1)" in page
    assert "{{7*7}}" in page
    assert page.count("[[x]]`y`{department}") > 10


def test_both_languages_are_marked_as_what_they_are() -> None:
    """Screen readers pronounce by it; words of SCM's screens are English in both."""
    page = made()

    assert '<html lang="fr">' in page
    assert re.findall(r'<section class="language" id="(\w\w)" lang="(\w\w)"', page) == [("fr", "fr"), ("en", "en")]
    assert '<code class="screen" lang="en">Web API</code>' in part(page, "fr")
