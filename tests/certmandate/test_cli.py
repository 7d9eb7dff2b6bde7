"""The list of commands, which is printed without importing them."""

from __future__ import annotations

import subprocess
import sys

import pytest
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
    "foreign_order",
    "order",
    "problem",
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


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("--version > /dev/full", 1, "the output could not be written: No space left on device"),
        ("-h > /dev/full", 1, "the output could not be written: No space left on device"),
        ("--version | true", 141, ""),
        ("--version >&-", 0, ""),
        ("--show-completion bash", 0, ""),
        ("onboard univ <&-", 2, "Pass them, or run the command at a terminal, where it asks."),
        ("bogus 2>&-", 2, ""),
    ],
)
def test_a_stream_that_is_full_or_closed_ends_in_no_traceback(line: str, code: int, text: str) -> None:
    """Cron jobs and containers run commands without standard input, and redirect the output to disks that fill up."""
    shell = ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m certmandate {line}"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_has_the_brackets_of_the_library_only() -> None:
    """`[[DELEGATION/NAME]...]...` is no usage that anyone can read."""
    for commands in COMMANDS.values():
        for name, (module, _) in commands.items():
            found = command(name, module)
            for each in (found, *getattr(found, "commands", {}).values()):
                with each.make_context(name, [], resilient_parsing=True) as context:
                    assert not [mark for mark in ("[[", "...]", "...}") if mark in each.get_usage(context)], each.name


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
