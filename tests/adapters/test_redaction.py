from __future__ import annotations

import ast
import base64
from pathlib import Path

import pytest

from renewal.adapters.redaction import redacted

BEGIN = "-----BEGIN " + "PRIVATE KEY-----"
END = "-----END " + "PRIVATE KEY-----"
OWNERS = {
    "renewal/domain/names.py",  # adds U-labels to names for readers, and removes nothing
    "renewal/domain/errors.py",
    "renewal/adapters/redaction.py",
    "renewal/adapters/scm/redacted_answers.py",  # a recording keeps only what a list permits
    "renewal/steps/notify.py",  # a hash of a finding's text, without its numbers
}
MAIL = "renewal/mail/"
"""Makes sentences of values that were redacted before."""


def test_a_redacted_text_is_one_line():
    """A line break in a log is a second, forged line."""
    assert redacted("first\r\nsecond\tthird\x1b[31m") == "first second third[31m"


def test_a_redacted_text_is_short():
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
        (r'{"client_secret": "ab\"cd ef"} is wrong', '{"client_secret": [removed] is wrong'),
        ("client_secret='ab cd' is wrong", "client_secret=[removed] is wrong"),
        ('"newPassword":"abc def" is wrong', '"newPassword":[removed] is wrong'),
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
    """A message without the name at fault is of no use."""
    assert redacted(text) == text


def cuts(source: str) -> list[int]:
    """Return the lines of *source* that shorten a text, or remove parts of it by a pattern."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.expr) and _cuts(node)]


def _cuts(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"shorten", "sub", "subn", "translate"}
    if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and node.slice.upper):
        return False
    limits = list(ast.walk(node.slice.upper))
    is_long = any(isinstance(part, ast.Constant) and isinstance(part.value, int) and part.value > 20 for part in limits)
    return is_long or any(isinstance(part, ast.Name) and part.id.upper().startswith("LONGEST") for part in limits)


def test_one_place_shortens_and_cleans_texts_that_are_not_ours():
    """A second place would omit one of the secrets that the first one removes."""
    root = Path(__file__).parents[2] / "functions"
    found = {path.relative_to(root).as_posix(): cuts(path.read_text("utf-8")) for path in root.rglob("*.py")}

    assert {name for name, lines in found.items() if lines and not name.startswith(MAIL)} == OWNERS


@pytest.mark.parametrize(
    "fault", ["text[:200]", "text[: LONGEST - 1]", "PEM.sub('', text)", "textwrap.shorten(text, 9)"]
)
def test_another_place_that_shortens_would_be_found(fault):
    """A search that finds nothing proves nothing unless it can find something."""
    assert cuts(fault) == [1]
