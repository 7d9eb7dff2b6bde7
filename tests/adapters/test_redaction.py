from __future__ import annotations

import base64

import pytest

from renewal.adapters.redaction import redacted

BEGIN = "-----BEGIN " + "PRIVATE KEY-----"
END = "-----END " + "PRIVATE KEY-----"


def test_an_excerpt_is_one_line():
    """A line break in a log is a second, forged line."""
    assert redacted("first\r\nsecond\tthird\x1b[31m") == "first second third[31m"


def test_an_excerpt_is_short():
    """An HTML page is no message."""
    assert len(redacted("word " * 1000)) == 200


def test_known_secrets_are_removed():
    """SCM might quote what it refused."""
    assert redacted("login drao/s3cr:et! failed", ["s3cr:et!"]) == "login drao/[removed] failed"


@pytest.mark.parametrize("text", [f"bad key {BEGIN}\nMIIE\n{END} here", f"bad key {BEGIN}\nMIIE and no end"])
def test_pem_is_removed(text):
    """Whole or cut off."""
    assert "MIIE" not in redacted(text)
    assert redacted(text).startswith("bad key [removed]")


def test_base64_is_removed():
    """A signing request without its armour, a token, a hash."""
    body = base64.b64encode(bytes(range(60))).decode()

    assert redacted(f"cannot decode {body}.") == "cannot decode [removed]."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hunter2 is wrong", "password=[removed] is wrong"),
        ('{"password":"hunter2"} is wrong', '{"password":[removed] is wrong'),
        ("Authorization: Bearer abc.def", "Authorization: [removed]"),
        ("a Bearer abc.def", "a Bearer [removed]"),
    ],
)
def test_what_calls_itself_a_secret_is_removed(text, kept):
    """Even one that isn't ours."""
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Domain 'a-very-long-label-of-a-host-name-with-sixty-three-characters.univ.example' is not allowed.",
        "Old password is incorrect",
        "Password policy violated: 8 or more characters in length.",
        "The term (365) is invalid for profile 3001.",
    ],
)
def test_ordinary_sentences_stay(text):
    """A message that hides the name at fault helps nobody."""
    assert redacted(text) == text
