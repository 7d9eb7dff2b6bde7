"""The operator's documents: what they say to type can be typed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

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
    assert re.findall(r"^aws (\w+ [\w-]+)", section, flags=re.MULTILINE) == [
        "secretsmanager describe-secret",
        "cloudtrail lookup-events",
        "logs filter-log-events",
        "secretsmanager rotate-secret",
        "secretsmanager describe-secret",
    ]
