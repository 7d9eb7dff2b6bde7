"""A function that asks for what the trimmed layer has not is found before Lambda finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.layer import faults, main

MAKEFILE = """\
SERVICES := kms s3
UNUSED := anyio/pytest_plugin.py aws_lambda_powertools/event_handler \\
    pycparser
"""


@pytest.fixture
def function(tmp_path: Path) -> Path:
    """Return where the source of a function goes, beside a layer that has KMS and S3."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "functions").mkdir()
    return tmp_path / "functions" / "enroll.py"


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("aws.client('acm', region)", "enroll.py:1: acm is not among the SERVICES"),
        ("boto3.resource('dynamodb')", "dynamodb is not among the SERVICES"),
        ("import pycparser", "pycparser is left out"),
        ("from aws_lambda_powertools.event_handler import Router", "left out of the layer"),
        ("from aws_lambda_powertools import event_handler", "left out of the layer"),
    ],
)
def test_what_the_layer_has_not_is_found(function: Path, source: str, finding: str):
    """Here the packages are whole: only Lambda would fail."""
    function.write_text(source)

    assert finding in "".join(faults(function.parent, function.parent.parent))


def test_what_the_layer_has_is_not_mentioned(function: Path):
    """The services kept, and packages that only sound like one left out."""
    function.write_text(
        "import pycparser_like\nimport aws_lambda_powertools\nclient('kms')\nboto3.client('s3')"
    )

    assert main([str(function.parent), str(function.parent.parent)]) == 0
