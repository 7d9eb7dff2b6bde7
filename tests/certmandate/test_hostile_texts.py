"""Fault S7: names in SCM, in files and on the command line with control characters, and all commands over them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certmandate.cli import main
from tests.certmandate.desk import Desk, seated
from tests.certmandate.files.test_visible_text import controls
from tests.workflow import conftest

ESCAPES = r"\e]0;X\a\e[2J\x9b31m\u202e\u2066\u2028"
"""As YAML writes them: a window's title, an erased screen, a colour, and a name that reads backwards."""
HOSTILE = "\x1b]0;X\x07\x1b[2J\x9b31m\u202e\u2066\u2028"
FOREIGN = (
    "certificates:\n  - {department: 7, names: [login.univ.example], profile: 1, term_days: 199, "
    f'issued_days_ago: 0, comments: "{ESCAPES}"}}\n'
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Department, organisation, profile, field and comment of SCM, and the organisation in the order book, are hostile.

    The delegation file would be refused; an earlier version has accepted it.
    """
    world = conftest.SCM.replace("name: Services", f'name: "Services{ESCAPES}"').replace(
        "name: OV", f'name: "OV{ESCAPES}"'
    )
    world = world.replace("name: Université d'Exemple", f'name: "Université{ESCAPES}"')
    world += f'custom_fields: [{{name: "Cost{ESCAPES}"}}]\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "SCM", world)
        with seated(tmp_path_factory.mktemp("hostile"), "idp", scm=f"dials: {{issuance_polls: 0}}\n{FOREIGN}") as desk:
            desk.system.aws.client("dynamodb").update_item(
                TableName=desk.system.aws.outputs["OrdersTable"],
                Key={"delegation": {"S": "univ"}, "item": {"S": "delegation"}},
                UpdateExpression="SET spec.organisation = :hostile",
                ExpressionAttributeValues={":hostile": {"S": f"Université{HOSTILE}"}},
            )
            yield desk


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command as the operator does; return all that it prints, without control characters."""
    main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert not controls(out + err), arguments
    if "--json" in arguments:
        json.loads("\n".join(line for line in out.splitlines() if not line.startswith(('{"_aws"', '{"level"'))))
    return out + err


def test_no_command_prints_a_control_character(
    hostile: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A title or an erased screen hides what was printed before; an unknown key of a file reaches the log of a CI."""
    evil = tmp_path / "delegations"
    evil.mkdir()
    text = hostile.file.read_text(encoding="utf-8")
    (evil / "univ.yaml").write_text(f'"evil\\n::error::{ESCAPES}": 1\n{text}', encoding="utf-8")
    commands: list[tuple[object, ...]] = [
        ("check", "univ"), ("renew", "univ/idp", "--reason", HOSTILE), ("status",), ("show", "univ/idp"),
        ("findings", "univ"), ("calendar",), ("plan", hostile.folder), ("apply", hostile.folder, "--yes"),
    ]  # fmt: skip
    outputs = [printed(capsys, *command, *flags) for command in commands for flags in ((), ("--json",))]
    printed(capsys, "report", "univ", "--output", tmp_path)
    printed(capsys, "status", "--html", tmp_path / "status.html")
    printed(capsys, "export", "--openmetrics")
    printed(capsys, "findings", "univ", "--for", "operator")
    printed(capsys, "show", f"{HOSTILE}/idp")
    printed(capsys, HOSTILE)
    refused = printed(capsys, "plan", evil)

    assert "\\u001b]0;X" in "".join(outputs)
    assert "\n::error::" not in refused
    assert f"{evil / 'univ.yaml'}:1: " in refused
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*.html")]
    assert [controls(page) for page in pages] == [[], []]
