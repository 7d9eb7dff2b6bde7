"""What `python -m gate.planted` brings back, which takes minutes: here its texts, its tests and how it judges."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gate.computed import with_parts
from gate.planted import DOCUMENTS, PART, ROOT, Fault, faults, survival, table

EVERY = [*(f"O{number}" for number in range(1, 15)), *(f"S{number}" for number in range(1, 11))]
EVERY += [f"N{number}" for number in range(1, 14)]
A_TEST = "tests/x.py::test_a"


def test_every_fault_has_a_text_that_brings_it_back() -> None:
    """A text that has changed would plant nothing, and the fault would seem to be detected by no test."""
    assert list(dict.fromkeys(fault.label for fault in faults())) == EVERY
    for fault in faults():
        assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) == 1, fault.was
        assert fault.new != fault.old
        for test in fault.tests:
            file, _, name = test.partition("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_no_text_uses_a_name_that_does_not_exist(tmp_path: Path) -> None:
    """A variable was renamed: the fault ends in a NameError, which shows nothing, and `make faults` takes long."""
    for number, fault in enumerate(faults()):
        planted = (ROOT / fault.file).read_text(encoding="utf-8").replace(fault.old, fault.new)
        (tmp_path / f"{number}{Path(fault.file).suffix}").write_text(planted, encoding="utf-8")

    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "--output-format=concise"]
    checked = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_have_the_table_of_the_faults(name: str) -> None:
    """A changed row must change the page (`python -m gate.planted --write`)."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert with_parts(text, {PART: table(DOCUMENTS[name])}) == text


@pytest.mark.parametrize(
    ("results", "survives"),
    [
        ({A_TEST: "AssertionError"}, False),
        ({A_TEST: "OrderConflict"}, False),
        ({A_TEST: "KeyError"}, False),
        ({A_TEST: ""}, True),
        ({A_TEST: "ImportError"}, True),
        ({A_TEST: "an error outside the test"}, True),
        ({}, True),
    ],
)
def test_a_fault_survives_unless_its_test_fails_because_of_it(results: Mapping[str, str], *, survives: bool) -> None:
    """A planted text that cannot be imported fails every test, and shows nothing."""
    fault = Fault("O1", "wrong", "x.py", "a", "b", (A_TEST,), fails_with="KeyError")

    assert bool(survival(fault, results)) is survives
