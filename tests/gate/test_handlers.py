"""A handler that Lambda cannot find or import is reported before it is deployed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gate.handlers import faults


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a valid handler, and one that reads its variable when it is imported."""
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "gate_good.py").write_text("def handler(event, context): ...\n")
    (functions / "gate_eager.py").write_text("import os\nTABLE = os.environ['GATE_TABLE']\n")
    return tmp_path


def found(root: Path, handler: str, code_uri: str = "functions/") -> str:
    """Return the findings about a function."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": handler}}
    template = {"Globals": {"Function": {"CodeUri": code_uri}}, "Resources": {"EnrollFunction": function}}
    return "".join(faults(template, root))


def test_a_valid_handler_has_no_finding(root: Path):
    """The import must also leave the path of this process unchanged."""
    before = list(sys.path)

    assert found(root, "gate_good.handler") == ""
    assert sys.path == before


@pytest.mark.parametrize(
    ("handler", "finding"),
    [
        ("gate_goods.handler", "EnrollFunction: Handler gate_goods.handler: there is no gate_goods.py"),
        ("gate_good.handle", "gate_good.py has no function handle"),
        ("gate_eager.handler", "importing gate_eager raises KeyError: 'GATE_TABLE'"),
    ],
)
def test_a_handler_that_lambda_could_not_call_is_found(root: Path, handler: str, finding: str):
    """Lambda reports it at the first invocation, which is the first run."""
    assert finding in found(root, handler)


def test_a_missing_folder_is_found(root: Path):
    """`sam build` reports it later than `make check`."""
    assert "CodeUri function/ is not a folder" in found(root, "gate_good.handler", code_uri="function/")
