"""Fault S7: names in SCM, in files and on the command line with control characters, and all commands over them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from certmandate.cli import main
from certmandate.commands import drill
from certmandate.order_book_editor import OrderBookEditor
from tests.certmandate.audit.test_recorded_actions import every_command
from tests.certmandate.desk import Desk, seated
from tests.certmandate.files.test_visible_text import controls
from tests.workflow import conftest

ESCAPES = "\x1b]0;X\x07\x1b[2J\x9b31m\u202e\u2066\u2028"
"""A window's title, an erased screen, a colour, and a name that reads backwards."""
EVERY_CONTROL = [chr(code) for code in range(0x3000) if controls(chr(code)) and chr(code) != "\0"]
NOT_PLAYED = {"local run", "local up"}


def fuzzed(seed: int) -> str:
    """Some control characters, with what a terminal may take for the rest of a sequence."""
    random = Random(seed)  # noqa: S311 - of texts
    return "".join(random.choice(EVERY_CONTROL) + random.choice(["[2J", "]0;X", "31m", "c", " "]) for _ in range(12))


def in_yaml(text: str) -> str:
    """The text as a YAML file may have it."""
    return "".join(f"\\u{ord(letter):04x}" if controls(letter) else letter for letter in text)


@pytest.fixture(scope="module", params=[ESCAPES, fuzzed(1)], ids=["known", "fuzzed"])
def hostile_text(request: pytest.FixtureRequest) -> str:
    """What stands in every name of SCM."""
    return str(request.param)


@pytest.fixture(scope="module")
def hostile(hostile_text: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Department, organisation, profile, field and comment of SCM, and the organisation in the order book, are hostile.

    The delegation file would be refused; an earlier version has accepted it.
    """
    evil = in_yaml(hostile_text)
    world = conftest.SCM.replace("name: Services", f'name: "Services{evil}"').replace("name: OV", f'name: "OV{evil}"')
    world = world.replace("name: Université d'Exemple", f'name: "Université{evil}"')
    world += f'custom_fields: [{{name: "Cost{evil}"}}]\n'
    foreign = (
        "certificates:\n  - {department: 7, names: [login.univ.example], profile: 1, term_days: 199, "
        f'issued_days_ago: 0, comments: "{evil}"}}\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "SCM", world)
        patch.setattr(drill, "_notice", lambda *_: f"Successfully{hostile_text}")
        folder = tmp_path_factory.mktemp("hostile")
        with seated(folder, "idp", "www", scm=f"dials: {{issuance_polls: 0}}\n{foreign}") as desk:
            desk.system.aws.client("dynamodb").update_item(
                TableName=desk.system.aws.outputs["OrdersTable"],
                Key={"delegation": {"S": "univ"}, "item": {"S": "delegation"}},
                UpdateExpression="SET spec.organisation = :hostile",
                ExpressionAttributeValues={":hostile": {"S": f"Université{hostile_text}"}},
            )
            yield desk


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command as the operator does; return all that it prints, without control characters.

    The functions run in this process, so that their logs are among it.
    """
    main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    text = (out + err).replace("\r\n", "\n")  # RFC 4180 and RFC 5545 end lines so
    assert not controls(text), arguments
    if "--json" in arguments:
        json.loads("\n".join(line for line in out.splitlines() if not line.startswith(('{"_aws"', '{"level"'))))
    return out + err


def test_no_command_prints_a_control_character(
    hostile: Desk,
    hostile_text: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """A title or an erased screen hides what was printed before; an unknown key of a file reaches the log of a CI."""
    printed(capsys, "check", "univ")
    OrderBookEditor(hostile.system.aws.tables).ask("univ", "www", f"asked{hostile_text}")
    why = ("--reason", f"because{hostile_text}", "--yes")
    lines: list[tuple[object, ...]] = [
        ("check", "univ", "--json"), ("renew", "univ/idp", *why), ("status",), ("status", "--json"),
        ("show", "univ/idp"), ("show", "univ/idp", "--json"), ("findings", "univ"), ("findings", "univ", "--json"),
        ("plan", hostile.folder), ("plan", hostile.folder, "--json"),
        ("calendar",), ("calendar", "--ics"), ("status", "--csv"), ("export", "--openmetrics"),
        ("export", "--public-keys"),
        ("renew", "univ/www", "--withdraw", *why), ("close-order", "univ/idp", *why),
        ("replace", "--issuer", hostile_text, *why), ("replace", "--issuer", "intermediate", *why),
        ("replace", "status"), ("acknowledge", "univ", foreign_order(hostile), *why),
        ("adopt", "univ/www", "--ssl-id", "1", "--yes"), ("apply", hostile.folder, "--yes"),
        ("report", "univ", "--output", tmp_path), ("report", "univ", "--json"),
        ("status", "--html", tmp_path / "status.html"), ("audit", "export", "univ"),
        ("audit", "export", "univ", tmp_path / "trail.json"), ("audit", "verify", "univ"),
        ("audit", "verify", tmp_path / "trail.json"), ("onboard", "new", *onboarded(hostile_text, tmp_path)),
        ("revoke", "univ/idp", "--reason-code", "superseded", "--no-replacement", *why),
        ("drill", "--alarm", "RunFailed", "--yes"), ("show", f"{hostile_text}/idp"), (hostile_text,),
        ("retire", "univ", "--yes"), ("credential", hostile_text, "--stdin"),
    ]  # fmt: skip
    outputs = [printed(capsys, *line) for line in lines]

    played = {" ".join(map(str, line[: 2 if line[0] in {"audit", "local"} else 1])) for line in lines}
    assert set(every_command()) - NOT_PLAYED <= played
    assert "\\u" in "".join(outputs)
    files = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()}
    assert {name: controls(text) for name, text in files.items() if controls(text)} == {}
    assert {"status.html", "trail.json"} < set(files)


def foreign_order(desk: Desk) -> str:
    """The SSL ID of the order in SCM that is not ours; "0" before an inspection has found it."""
    inspection = desk.book.delegation("univ").inspection
    return next(iter(inspection.foreign.noticed), "0") if inspection and inspection.foreign else "0"


def onboarded(text: str, folder: Path) -> list[object]:
    """The options of `onboard`."""
    given: dict[str, Any] = {
        "organisation": f"Univ{text}", "domain": "univ.example", "certificate": "idp=idp.univ.example",
        "rao-email": "rao@univ.example", "third-party": f"NREN{text}", "role-email": "pki@host.example",
        "address": "192.0.2.1/32", "folder": folder / "delegations",
    }  # fmt: skip
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def test_a_key_of_a_file_cannot_write_a_line_of_its_own(
    hostile: Desk, hostile_text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A CI reads `::error::` at the beginning of a line as a command."""
    text = hostile.file.read_text(encoding="utf-8")
    (tmp_path / "univ.yaml").write_text(f'"evil\\n::error::{in_yaml(hostile_text)}": 1\n{text}', encoding="utf-8")

    refused = printed(capsys, "plan", tmp_path)

    assert "\n::error::" not in refused
    assert f"{tmp_path / 'univ.yaml'}:1: " in refused
