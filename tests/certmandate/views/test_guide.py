"""The RAO's guide: the values of one delegation, in both languages, without requests to the network."""

from __future__ import annotations

import re
from dataclasses import astuple
from typing import Any

import pytest
from markupsafe import escape

from certmandate.files.third_party import LegalIdentity
from certmandate.onboarding import onboarding
from certmandate.views.guide import entries_of, guide
from certmandate.views.language import language
from renewal.domain.setup.checks import ALLOWED_PRIVILEGES
from scm_simulator.world.world import LEAST_PRIVILEGES
from tests.certmandate.rao_samples import HOSTILE, IDENTITY, answers
from tests.unit.system import NOW


def made(**changes: Any) -> str:
    return guide(onboarding(answers(**changes), NOW), NOW.date())


def part(page: str, code: str) -> str:
    """One language's part of a page."""
    return page.split(f'<section class="language" id="{code}"')[1].split("</section>", maxsplit=1)[0]


@pytest.mark.parametrize("code", ["fr", "en"])
def test_every_value_is_in_both_languages(code: str) -> None:
    """The RAO types the values from the guide."""
    text = part(made(), code)

    for value in ("draoUNIVReseauExemple", "certificats@reseau.example", "51.15.20.30/32", "*.apps.univ.example"):
        assert value in text


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (2, "at most 20 characters"),
        (3, "SCM refuses every order without the mandatory fields"),
        (4, "Delegate only what is in this list"),
        (5, "another channel"),
        (7, "Only after step 6"),
        (8, "Only after steps 6 and 7"),
    ],
)
def test_each_step_warns_of_its_common_mistake(step: int, expected: str) -> None:
    """Each warning is at the step where the mistake is made."""
    english = part(made(), "en")

    assert re.findall(r'type="checkbox" name="en-step-(\d)"', english) == list("12345678")
    assert expected in english.split(f'name="en-step-{step}"')[1].split('<div class="step">')[0]


@pytest.mark.parametrize("code", ["fr", "en"])
def test_the_guide_asks_for_the_mandatory_fields(code: str) -> None:
    """SCM refuses every order without them, and only the RAO has the values."""
    third = part(made(), code).split(f'name="{code}-step-3"')[1].split('<div class="step">')[0]

    assert "Settings → Custom Fields" in third
    assert third.count('class="write-here"') == 2  # the OrgID, and the fields with their values


@pytest.mark.parametrize("code", ["fr", "en"])
def test_the_guide_names_the_privileges_to_tick_and_no_others(code: str) -> None:
    """N11: `check` finds every other privilege (PrivilegeExtra), after the RAO has ticked it."""
    fifth = part(made(), code).split(f'name="{code}-step-5"')[1].split('<div class="step">')[0]
    ticked, left = re.split("<li>(?:Laissez|In particular)", fifth)

    assert set(re.findall(r"<code>(\w+)</code>\)", ticked)) == ALLOWED_PRIVILEGES & set(LEAST_PRIVILEGES)
    assert not set(re.findall(r"<code>(\w+)</code>\)", left)) & ALLOWED_PRIVILEGES


@pytest.mark.parametrize("code", ["fr", "en"])
def test_the_guide_ends_with_the_mandate_to_sign(code: str) -> None:
    """N11: who commits to what, for which names, until when; a blank for what is not known."""
    text = part(made(), code).split('<article class="mandate"')[1]

    for value in (*astuple(IDENTITY), "Université d", "*.apps.univ.example", "draoUNIVReseauExemple", "2028"):
        assert str(escape(value)) in text
    assert text.count('class="blank"') == 2  # the address of the organisation, and who represents it
    assert text.count('class="sign"') == 2


def test_a_mandate_of_an_unknown_third_party_has_blanks() -> None:
    """It can be filled in by hand; without a last day it is for an indefinite term."""
    text = part(made(identity=LegalIdentity(), mandate_ends=""), "en").split('<article class="mandate"')[1]

    assert text.count('class="blank"') == 4
    assert "indefinite term" in text


def test_exact_names_and_stars_are_explained() -> None:
    """RAOs often misunderstand what an entry permits."""
    exact, star = entries_of(onboarding(answers(), NOW))

    assert (exact.is_star, exact.certificates) == (False, ("idp",))
    assert (star.is_star, star.base, star.is_wide) == (True, "apps.univ.example", False)
    assert "Every name below <code>apps.univ.example</code>" in made()


def test_a_star_for_the_whole_organisation_is_called_wide() -> None:
    """The RAO must see that it permits more than a service needs."""
    assert "This is a wide delegation" in made(delegate=("*.univ.example",))
    assert "This is a wide delegation" not in made()


def test_a_parent_domain_is_named_only_if_it_would_not_help() -> None:
    """A delegated domain does help, and a top-level domain is never delegated."""
    assert "parent domain <code>univ.example</code>" in made()
    assert "parent domain" not in made(certificates={"www": ("univ.example",)}, delegate=())


def test_the_guide_requests_nothing_from_the_network() -> None:
    """It is opened from a mail: no tracking, no font, no script."""
    page = made()

    assert not re.search(r"<(script|link|img|iframe|object)|@import|url\(|src=|https?://", page)


def test_a_hostile_name_is_escaped() -> None:
    """The operator may paste a name from anywhere."""
    page = made(organisation=HOSTILE, third_party=HOSTILE, account="drao1")

    assert "<script" not in page
    assert "alert(1)" in page
    assert "{{7*7}}" in page
    assert page.count("[[x]]`y`{department}") > 10


def test_each_part_is_marked_with_its_language() -> None:
    """Screen readers pronounce by it; the menus of SCM are English in both."""
    page = made()

    assert '<html lang="fr">' in page
    assert re.findall(r'<section class="language" id="(\w\w)" lang="(\w\w)"', page) == [("fr", "fr"), ("en", "en")]
    assert '<code class="screen" lang="en">Web API</code>' in part(page, "fr")


def test_an_internationalised_name_has_both_spellings() -> None:
    """The RAO signed a mandate for `xn--…`, which says nothing to the reader; the A-labels show look-alike letters."""
    facts = {"domains": ("école.example",), "certificates": {"all": ("*.école.example", "école.example")}}
    page = made(**facts, delegate=())

    for shown in (page, page.split('<article class="mandate"')[1]):
        assert "<code>*.école.example (*.xn--cole-9oa.example)</code>" in shown
    assert "<code>école.example (xn--cole-9oa.example)</code>" in page


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("fr", ("Le mandat ne peut être prolongé que par écrit", "sous forme chiffrée le mot de passe")),
        ("en", ("The mandate can be extended in writing only", "keeps the account's password encrypted")),
    ],
)
def test_the_mandate_reads_without_doubt(code: str, texts: tuple[str, str]) -> None:
    """*Il ne peut être prolongé* was read of the last day or the certificate, *chiffré* of the account."""
    mandate = str(language(code).at("guide.mandate"))

    assert [text in mandate for text in texts] == [True, True]


@pytest.mark.parametrize("code", ["fr", "en"])
def test_a_privilege_is_named_once(code: str) -> None:
    """Its French label was there twice, and the English one too."""
    last = language(code).at("guide.steps")[4]["privileges"][-1]

    assert last.lower().count("automati") == 2
    assert "`Automatically approve certificate requests` (`autoApproveCertificates`)" in last
