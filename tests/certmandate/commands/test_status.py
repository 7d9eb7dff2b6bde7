from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from certmandate.cli import app
from certmandate.completion import certificate_names, delegation_names
from tests.certmandate.desk import Desk, seated


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate that no test of this module changes."""
    with seated(tmp_path_factory.mktemp("status"), "fresh:20", "old:198", "new", "due:160") as one:
        yield one


def test_what_needs_a_person_comes_first(desk: Desk):
    """At 3 a.m. nobody reads past the first line."""
    found = desk.document("status")

    assert [(one["name"], one["state"]) for one in found["certificates"]] == [
        ("old", "near-expiry"),
        ("due", "due"),
        ("new", "new"),
        ("fresh", "fine"),
    ]
    assert found["needs_person"]
    assert desk.run("status").exit_code == 1


def test_show_tells_what_is_served_and_every_order(desk: Desk):
    """The RAO asks: which certificate was that, and why was it ordered?"""
    found = desk.document("show", "univ/fresh")

    assert found["served"]["serial"] == desk.certificate("fresh").served.serial  # type: ignore[union-attr]
    assert [(one["status"], one["causes"]) for one in found["history"]] == [("stored", ["new"])]
    assert found["next"].startswith("renewed from ")
    text = desk.run("show", "univ/fresh").stdout
    assert found["served"]["serial"] in text


def test_nothing_sealed_is_shown(desk: Desk):
    """Keys, requests and chains are nobody's business, sealed or not."""
    text = desk.run("show", "univ/fresh", "--json").stdout + desk.run("status", "--json").stdout

    assert not [word for word in ("sealed", "csr", "BEGIN", "chain") if word in text]


@pytest.mark.parametrize("path", ["univ", "univ/", "/idp", "a/b/c"])
def test_a_path_that_is_none_is_wrong_usage(desk: Desk, path: str):
    """A delegation's name alone would be a guess at which certificate."""
    result = desk.run("show", path)

    assert result.exit_code == 2
    assert "DELEGATION/NAME" in result.stderr


def test_an_unknown_certificate_is_named(desk: Desk):
    """The name was mistyped, or the file never applied: it says so."""
    result = desk.run("show", "univ/typo")

    assert result.exit_code == 2
    assert "univ/typo" in result.stderr


def test_names_are_completed_from_the_order_book(desk: Desk):
    """Nobody types `example-university/portal` twice."""
    assert delegation_names("u") == ["univ"]
    assert certificate_names("univ/f") == ["univ/fresh"]
    assert delegation_names("x") == []


@pytest.mark.parametrize("command", ["findings", "report", "check", "credential", "retire", "show"])
def test_every_command_completes_its_name(desk: Desk, command: str):
    """Whoever learns it with one command expects it of the next."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    context = group.commands[command].make_context(command, [], resilient_parsing=True)

    found = group.commands[command].params[0].shell_complete(context, "u")

    assert {one.value.split("/")[0] for one in found} == {"univ"}
