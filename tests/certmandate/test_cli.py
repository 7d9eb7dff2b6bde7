"""The list of commands, which is printed without importing them."""

from __future__ import annotations

import subprocess
import sys

from jsonschema import Draft202012Validator

from certmandate.cli import COMMANDS, command
from tests.certmandate.desk import SCHEMAS

HEAVY = ("boto3", "certmandate.commands", "cryptography", "httpx", "jinja2", "moto", "renewal.domain", "rich", "yaml")
SHARED = {
    "action",
    "certificate",
    "error",
    "finding",
    "finished_order",
    "order",
    "raised_caps",
    "replacement_rule",
    "run_report",
    "served",
    "verified_trail",
}


def test_help_imports_no_command() -> None:
    """The imports of all commands take six times as long as the rest of `--help`."""
    program = (
        "import sys; from certmandate.cli import main; main(['--help']); "
        f"sys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "close-order" in done.stdout


def test_the_list_has_the_first_sentence_of_each_command() -> None:
    """It is written twice, so that `--help` need not import the command."""
    for commands in COMMANDS.values():
        for name, (module, sentence) in commands.items():
            first = (command(name, module).help or "").strip().partition("\n\n")[0]
            assert " ".join(first.split()) == sentence


def test_each_command_with_json_has_a_published_schema() -> None:
    """A program that reads the output is written from it; every test that runs a command with --json validates it."""
    found: set[str] = set()
    for commands in COMMANDS.values():
        for name, (module, _) in commands.items():
            made = command(name, module)
            parts = {f"{name}-{part}": each for part, each in getattr(made, "commands", {}).items()} or {name: made}
            found |= {key for key, each in parts.items() if any(param.name == "as_json" for param in each.params)}

    assert found == set(SCHEMAS["$defs"]) - SHARED
    Draft202012Validator.check_schema(SCHEMAS)
