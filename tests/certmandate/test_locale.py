"""What is printed where the locale has no UTF-8: on servers, `LC_ALL=C` and Latin-1 are still in use."""

from __future__ import annotations

import io
import json
import sys

import pytest

from certmandate.cli import main
from tests.certmandate.desk import Desk

ESTATE = ("idp:20",)
LOCALES = ("iso-8859-15", "ascii")
ORGANISATION = "Université d'Exemple"
"""Of the estate's delegation."""


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, *line: str) -> bytes:
    """Run a command with standard streams in *encoding*; return what it prints."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert main(line) in {0, 1}
    sys.stdout.flush()
    return raw.getvalue()


@pytest.mark.parametrize("encoding", LOCALES)
def test_what_a_locale_lacks_is_printed_as_its_number(desk: Desk, monkeypatch: pytest.MonkeyPatch, encoding: str):
    """`findings` ended in UnicodeEncodeError at the first arrow of a menu path."""
    desk.store_wrong_password()
    desk.run("check", "univ")

    mail = printed(monkeypatch, encoding, "findings", "univ").decode(encoding)

    assert "Admins \\u2192 Edit" in mail
    assert ("Vérifiez" in mail) == (encoding != "ascii")


@pytest.mark.parametrize("encoding", LOCALES)
@pytest.mark.parametrize(
    "line", [("findings", "univ", "--json"), ("audit", "export", "univ"), ("audit", "export", "univ", "-")]
)
def test_what_programs_read_is_in_utf_8(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, encoding: str, line: tuple[str, ...]
):
    """RFC 8259, section 8.1: JSON that systems exchange is in UTF-8. `-` is standard output, and no file."""
    desk.run("check", "univ")

    document = json.loads(printed(monkeypatch, encoding, *line).decode("utf-8"))

    assert document["delegation"] == "univ"


@pytest.mark.parametrize("line", [("status", "--csv"), ("calendar", "--ics"), ("export", "--openmetrics")])
def test_other_formats_of_programs_are_in_utf_8(desk: Desk, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]):
    """RFC 5545 has UTF-8 for calendars, and OpenMetrics for its text; a spreadsheet gets the same."""
    assert printed(monkeypatch, "iso-8859-15", *line).decode("utf-8")
    assert ORGANISATION.encode() in printed(monkeypatch, "iso-8859-15", "status", "--json")
