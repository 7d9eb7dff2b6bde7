"""Passwords that every known policy takes, and every transport."""

from __future__ import annotations

import random

import pytest

from renewal.domain.credential import DIGITS, LOWER, SYMBOLS, UPPER, PasswordForm, form_for, forms

CHANCE = random.Random(7)  # noqa: S311  # the same passwords in every test


def made(form: PasswordForm | None = None, login: str = "drao") -> list[str]:
    """A hundred passwords."""
    return [(form or PasswordForm()).make(login, CHANCE) for _ in range(100)]


def test_a_password_has_all_kinds_of_characters() -> None:
    """Policies ask for "N or more" of each; a sixth of the length is more than any asks for."""
    for password in made():
        assert len(password) == 32
        for kind in (UPPER, LOWER, DIGITS, SYMBOLS):
            assert sum(letter in kind for letter in password) >= 5


def test_a_password_can_travel_in_a_header_and_be_read_aloud() -> None:
    """It goes to SCM in an HTTP header; and an operator may have to type it."""
    for password in made():
        assert password.isascii()
        assert password.isprintable()
        assert not set(password) & set(" \"'\\,;<>&`0O1Il")
        assert password[0].isalpha()


def test_no_character_comes_twice_and_none_follow_each_other_in_order() -> None:
    """Some policies forbid repetitions and runs."""
    for password in made():
        assert len(set(password)) == len(password)
        assert not any(run in password.casefold() for run in ("abc", "cba", "345", "765", "xyz"))


def test_a_password_does_not_contain_the_login() -> None:
    """SCM returns -982 otherwise."""
    assert not any("a" in password.casefold() for password in made(login="A"))


def test_two_passwords_differ() -> None:
    """SCM returns -220 otherwise."""
    assert len(set(made())) == 100


@pytest.mark.parametrize(
    ("policy", "length", "symbols"),
    [
        ("Password must be between 8 and 16 characters", 16, SYMBOLS),
        ("20 or fewer characters in length", 20, SYMBOLS),
        ("Password must contain no more than 24 characters", 24, SYMBOLS),
        ("The new password must be 32 characters long; no special characters", 32, ""),
        ("Password contains illegal characters", 32, ""),
    ],
)
def test_the_text_of_a_refusal_determines_the_form(policy: str, length: int, symbols: str) -> None:
    """In the words that policies use."""
    assert form_for(policy) == PasswordForm(length, symbols)


@pytest.mark.parametrize(
    "policy", ["", "Password must contain 1 or more uppercase characters. 8 or more characters in length.", "Up to 4"]
)
def test_a_refusal_that_forbids_nothing_determines_no_form(policy: str) -> None:
    """Then the usual forms are tried one after the other."""
    assert form_for(policy) is None


def test_the_usual_forms_are_made_without_an_end() -> None:
    """Every length and set of characters leaves enough to draw from."""
    for form in (*forms(), PasswordForm(8, ""), PasswordForm(8)):
        assert all(len(password) == form.length for password in made(form))
