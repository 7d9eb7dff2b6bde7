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
