"""A function that needs what the trimmed layer lacks is found before it is deployed."""

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
    """Return the path of a function's source, beside a layer that has KMS and S3."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "functions.in").write_text("# What runs in Lambda.\naws-lambda-powertools\nboto3\n")
    (tmp_path / "functions").mkdir()
    return tmp_path / "functions" / "enroll.py"


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("aws.client('acm', region)", "enroll.py:1: the layer's boto3 lacks acm"),
        ("boto3.resource('dynamodb')", "lacks dynamodb"),
        ("import pycparser", "pycparser is deleted"),
        ("from aws_lambda_powertools.event_handler import Router", "deleted from the layer"),
        ("from aws_lambda_powertools import event_handler", "deleted from the layer"),
        ("import yaml", "enroll.py:1: yaml is not a package"),
        ("import dns.resolver", "enroll.py:1: dns is not a package"),
        ("from rich.table import Table", "rich is not a package"),
    ],
)
def test_what_the_layer_lacks_is_found(function: Path, source: str, finding: str):
    """The packages on this machine are complete, so only Lambda would fail."""
    function.write_text(source)

    layer = Layer.read(function.parent.parent, function.parent.parent / "functions.in")
    assert finding in "".join(faults(function.parent, layer))


def test_what_the_layer_has_is_no_finding(function: Path):
    """Kept services, the standard library, our modules, types, a name that resembles a deleted package."""
    function.write_text(
        "import json, enroll, botocore.config, aws_lambda_powertools.event_handlers\n"
        "if TYPE_CHECKING:\n    import mypy_boto3_acm\n"
        "client('kms')\n"
        "boto3.client('s3')\n"
    )

    root = function.parent.parent
    assert main([str(function.parent), str(root), str(root / "functions.in")]) == 0
