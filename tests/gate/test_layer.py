"""A function that asks for what the trimmed layer has not is found before Lambda finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.layer import Layer, faults, main

MAKEFILE = """\
SERVICES := kms s3
UNUSED := anyio/pytest_plugin.py aws_lambda_powertools/event_handler \\
    pycparser
"""


@pytest.fixture
def function(tmp_path: Path) -> Path:
    """Return where the source of a function goes, beside a layer that has KMS and S3."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "functions.in").write_text("# What runs in Lambda.\naws-lambda-powertools\nboto3\n")
    (tmp_path / "functions").mkdir()
    return tmp_path / "functions" / "enroll.py"


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("aws.client('acm', region)", "enroll.py:1: the layer's boto3 does not know acm"),
        ("boto3.resource('dynamodb')", "does not know dynamodb"),
        ("import pycparser", "pycparser is left out"),
        ("from aws_lambda_powertools.event_handler import Router", "left out of the layer"),
        ("from aws_lambda_powertools import event_handler", "left out of the layer"),
        ("import yaml", "enroll.py:1: yaml is none of the packages"),
        ("from rich.table import Table", "rich is none of the packages"),
    ],
)
def test_what_the_layer_has_not_is_found(function: Path, source: str, finding: str):
    """Here the packages are whole: only Lambda would fail."""
    function.write_text(source)

    layer = Layer.read(function.parent.parent, function.parent.parent / "functions.in")
    assert finding in "".join(faults(function.parent, layer))


def test_what_the_layer_has_is_not_mentioned(function: Path):
    """The services kept, the standard library, our own, types, a name that only sounds like one left out."""
    function.write_text(
        "import json, enroll, botocore.config, aws_lambda_powertools.event_handlers\n"
        "if TYPE_CHECKING:\n    import mypy_boto3_acm\n"
        "client('kms')\n"
        "boto3.client('s3')\n"
    )

    root = function.parent.parent
    assert main([str(function.parent), str(root), str(root / "functions.in")]) == 0
