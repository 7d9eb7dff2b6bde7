"""What `make build` made is measured against its limits."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gate.package_size import LIMITS, main

TEMPLATE = """
Resources:
  EnrollFunction: {Type: AWS::Serverless::Function, Properties: {CodeUri: EnrollFunction}}
  Dependencies: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: Dependencies}}
  Table: {Type: AWS::DynamoDB::Table}
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Return a folder as `sam build` leaves it, with an empty function and layer."""
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    for name in ("EnrollFunction", "Dependencies"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_small_packages_pass(build: Path, capsys: pytest.CaptureFixture[str]):
    """And every size is shown, so that growth is seen before it is a fault."""
    assert main([str(build)]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[:2]} == {
        "EnrollFunction",
        "Dependencies",
    }


def test_a_function_above_its_limit_fails(build: Path, capsys: pytest.CaptureFixture[str]):
    """Random bytes do not compress: the zip is as large as the file."""
    incompressible = random.Random(1).randbytes(LIMITS["AWS::Serverless::Function"])  # noqa: S311 - not a secret
    (build / "EnrollFunction" / "enroll.py").write_bytes(incompressible)

    assert main([str(build)]) == 1
    assert "EnrollFunction: " in capsys.readouterr().err
