"""The operator's documents: what they say to type can be typed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore import xform_name
from botocore.session import get_session
from click.exceptions import UsageError
from samtranslator.yaml_helper import yaml_parse

from certmandate.cli import app
from stack.deploy import overrides
from stack.policy import Request, allowed, statements
from stack.resolved import IN_A_VPC, Stack

BASH = shutil.which("bash") or "/bin/bash"
ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "docs" / name for name in ("deploy.md", "runbook.md")]
_NOT_CALLED = "git() { :; }; make() { :; }; aws() { :; }; cd() { :; }\n"
_TEMPLATES = {"deploy": ROOT / "template.yaml", "deploy-network": ROOT / "infra" / "network.yaml"}


def blocks(document: Path) -> list[str]:
    """The commands that stand in blocks."""
    return re.findall(r"^```sh\n(.*?)^```$", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_of_commands_is_one_that_bash_can_read(document: Path) -> None:
    """A quote that is not closed waits for ever."""
    for block in blocks(document):
        done = subprocess.run([BASH, "-n"], input=block, capture_output=True, text=True, check=False)
        assert not done.stderr, block


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_after_the_first_block_our_programs_are_found_and_know_the_region(document: Path, tmp_path: Path) -> None:
    """boto3 reads AWS_DEFAULT_REGION only, and nothing else puts .venv/bin on the path."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "certmandate").symlink_to(sys.executable)
    asked = 'command -v certmandate; certmandate -c "import boto3; print(boto3.Session().region_name)"'
    said = subprocess.run(
        [BASH, "-c", _NOT_CALLED + blocks(document)[0] + asked],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "AWS_CONFIG_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said == [str(folder / "certmandate"), "eu-west-3"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_parameter_that_is_given_to_make_exists(document: Path) -> None:
    """CloudFormation refuses a name that it does not know, after everything has been uploaded."""
    given = re.findall(r'make (deploy(?:-network)?) PARAMETERS="([^"]*)"', document.read_text(encoding="utf-8"))
    assert given
    for target, parameters in given:
        known = yaml_parse(_TEMPLATES[target].read_text(encoding="utf-8"))["Parameters"]
        plain = re.sub(r"\$\([^)]*\)", "value", parameters.replace("\\\n", " "))
        assert {one.partition("=")[0] for one in overrides(plain)} <= set(known), parameters


# ---- Each command, as a shell takes it apart -------------------------------------------------------------------------

_RECORDED, _REAL = ("aws", "certmandate", "make"), ("date", "grep")
_STAND_IN = """#!/bin/bash
[[ $0 == */sleep || $0 == */python3 ]] || printf '%s\\x1f' "${0##*/}" "$@" >> "$CALLS"
printf '\\n' >> "$CALLS"
echo value
"""
_EVERYWHERE = {"--output", "--query", "--profile", "--region"}


def sections(document: Path) -> list[str]:
    """What is to be typed: the blocks, and the commands within sentences that have something behind their name."""
    text = document.read_text(encoding="utf-8")
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`((?:aws|certmandate) [^`]*)`", sentences)
    named = [one for one in inline if not re.fullmatch(r"certmandate [\w-]+", one)]
    return blocks(document) + [re.sub(r"<[^>]*>", "value", one) for one in named]


def typed(document: Path, folder: Path) -> list[list[str]]:
    """The commands that a shell calls when all of it is copied into one."""
    for name in (*_RECORDED, "sleep", "python3", "git", "cd", "rm"):
        (folder / name).write_text(_STAND_IN)
        (folder / name).chmod(0o700)
    for name in _REAL:
        (folder / name).symlink_to(shutil.which(name) or name)
    calls = folder / "calls"
    subprocess.run(
        [BASH, "-c", "cd() { :; }\n" + "\n".join(sections(document))],
        env={"PATH": str(folder), "CALLS": str(calls), **dict.fromkeys(("DELEGATION", "CERTIFICATE"), "value")},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    recorded = [line.split("\x1f")[:-1] for line in calls.read_text(encoding="utf-8").splitlines()]
    return [call for call in recorded if call and call[0] in _RECORDED]


@cache
def service_model(service: str) -> Any:
    """What botocore knows of a service; of EC2 it takes a quarter of a second to read."""
    return get_session().get_service_model(service)


def unknown_to_aws(service: str, operation: str, *words: str) -> set[str]:
    """What the AWS CLI would refuse of a command: an operation, an option, or an argument that is missing."""
    if service == "s3" or operation == "wait":  # of the CLI's own making
        return set()
    model = service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return {f"{service} {operation}"}
    shape: Any = model.operation_model(names[operation]).input_shape
    known = {f"--{xform_name(name, '-')}": name for name in shape.members} if shape else {}
    given = {word.replace("--no-", "--") for word in words if word.startswith("--")}
    missing = {option for option, name in known.items() if shape and name in shape.required_members} - given
    return (given - set(known) - _EVERYWHERE) | missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_aws_exists_with_its_options(document: Path, tmp_path: Path) -> None:
    """On the night that it is needed nobody has time to look options up."""
    calls = [call[1:] for call in typed(document, tmp_path) if call[0] == "aws"]
    assert len(calls) > 10
    assert not {" ".join(call): wrong for call in calls if (wrong := unknown_to_aws(*call))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_ours_takes_what_it_is_given(document: Path, tmp_path: Path) -> None:
    """An option that has another name now would be found out at night."""
    command: Any = typer.main.get_command(app)
    calls = [call[1:] for call in typed(document, tmp_path) if call[0] == "certmandate"]
    assert calls
    for call in calls:
        context = command.make_context("certmandate", list(call))
        name, chosen, rest = command.resolve_command(context, list(call))
        try:
            chosen.make_context(name, list(rest), parent=context)
        except UsageError as error:
            pytest.fail(f"certmandate {' '.join(call)}: {error.format_message()}")


@pytest.mark.parametrize("error", ["RunFailed", "ScmRefused", "ChainBroken", "AcmRefused", "BacklogRemains"])
def test_what_has_to_be_typed_stands_there_to_be_copied(error: str) -> None:
    """To act by what a text says is no command."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = re.split(r"^#{3,4} ", text.partition(f"# {error}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert "```sh" in section


def test_the_example_is_out_of_the_way_before_the_first_delegation_is_applied() -> None:
    """Copied as it stood, the document applied the repository's example as a mandate: its alarms never end."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert (ROOT / "delegations" / "example.yaml").is_file()
    assert "\nrm delegations/example.yaml " in text.partition("\ncertmandate apply delegations/")[0]


def test_a_run_that_was_stopped_or_timed_out_is_found_like_one_that_failed() -> None:
    """The alarm counts all three, and a look for FAILED alone shows the run of another day."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").partition("### RunFailed\n")[2]
    assert '["FAILED", "TIMED_OUT", "ABORTED"]' in text.partition("\n### ")[0]


# ---- Who may do what, as docs/security.md has it -----------------------------------------------------------------

SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The stack as it is deployed."""
    return Stack(ROOT / "template.yaml", IN_A_VPC)


def permitted(stack: Stack, action: str) -> set[str]:
    """The functions that may do this to the credential of a delegation, by the names that the documents use."""
    secret = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:certmandate/univ-AbCdEf"
    functions = {
        str(one.properties["Handler"]).partition(".")[0]: one for one in stack.resources("AWS::Lambda::Function")
    }
    roles = {name: f"{one.logical_id.removesuffix('Function')}Role" for name, one in functions.items()}
    request = Request(action, secret)
    return {name for name, role in roles.items() if allowed(statements(stack.policies(role)), request)}


def test_every_function_stands_in_the_table_of_who_may_do_what(stack: Stack) -> None:
    """The one that was missing was the only one that writes credentials."""
    functions = {str(one.properties["Handler"]).partition(".")[0] for one in stack.resources("AWS::Lambda::Function")}
    table = SECURITY.partition("## Who may do what")[2].partition("\n## ")[0]
    assert functions <= set(re.findall(r"^\| (\w+) \|", table, flags=re.MULTILINE))


def test_the_page_says_who_reads_and_who_writes_credentials(stack: Stack) -> None:
    """Whoever investigates a stolen credential goes by that row."""
    (row,) = re.findall(r"^\| credentials of SCM accounts \|[^|]*\|([^|]*)\|", SECURITY, flags=re.MULTILINE)
    readers, _, writers = row.partition(" read; ")
    assert set(re.findall(r"`(\w+)`", readers)) == permitted(stack, "secretsmanager:GetSecretValue")
    assert set(re.findall(r"`(\w+)`", writers)) == permitted(stack, "secretsmanager:PutSecretValue")


def test_a_password_near_its_end_sends_the_operator_to_the_rotation() -> None:
    """The alarm means that the rotation has failed: changing the password by hand mends it for 90 days only."""
    section = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").partition("\n### CredentialNearExpiry\n")[2]
    section = section.partition("\n### ")[0]
    assert re.findall(r"^(aws \w+ [\w-]+|certmandate credential .* --\w+)", section, flags=re.MULTILINE) == [
        "aws secretsmanager describe-secret",
        "aws cloudtrail lookup-events",
        "aws logs filter-log-events",
        'certmandate credential "$DELEGATION" --rotate',
    ]
