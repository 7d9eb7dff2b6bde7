from __future__ import annotations

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from certmandate.cli import app
from certmandate.completion import certificate_names, delegation_names
from renewal.domain.certificate.serial import printed_serial
from tests.certmandate.desk import Desk

ESTATE = ("recent:20", "old:198", "new", "due:160")


def test_status_lists_what_needs_attention_first(desk: Desk):
    """The operator on call reads the first line."""
    found = desk.document("status")

    assert [(certificate["name"], certificate["state"]) for certificate in found["certificates"]] == [
        ("old", "near-expiry"),
        ("due", "due"),
        ("new", "new"),
        ("recent", "fine"),
    ]
    assert found["needs_person"]
    assert desk.run("status").exit_code == 1


def test_show_prints_the_stored_certificate_and_every_order(desk: Desk):
    """The RAO may ask which certificate it was and why it was ordered."""
    found = desk.document("show", "univ/recent")

    assert found["served"]["serial"] == printed_serial(desk.stored("recent").serial)
    assert [(order["status"], order["causes"]) for order in found["history"]] == [("stored", ["new"])]
    assert found["next"].startswith("due from ")
    assert found["served"]["serial"] in desk.run("show", "univ/recent").stdout


def test_no_output_contains_keys_csrs_or_chains(desk: Desk):
    """Key material must not be in any output, sealed or not."""
    text = desk.run("show", "univ/recent", "--json").stdout + desk.run("status", "--json").stdout

    assert not [secret for secret in ("sealed", "csr", "BEGIN", "chain") if secret in text]


def test_names_are_completed_from_the_order_book(desk: Desk):
    """Names such as `example-university/portal` are long to type."""
    assert delegation_names("u") == ["univ"]
    assert certificate_names("univ/r") == ["univ/recent"]
    assert delegation_names("x") == []


@pytest.mark.parametrize("command", ["findings", "report", "check", "credential", "retire", "show"])
def test_every_command_completes_its_first_argument(desk: Desk, command: str):
    """Completion in one command and not in the next would be confusing."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    chosen = group.get_command(group.make_context("certmandate", [], resilient_parsing=True), command)
    assert chosen
    context = chosen.make_context(command, [], resilient_parsing=True)

    found = chosen.params[0].shell_complete(context, "u")

    assert {candidate.value.split("/")[0] for candidate in found} == {"univ"}
