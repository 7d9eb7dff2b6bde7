"""A cold start imports what its step needs; `python -m stack.measure.cold_start` compares it with what is typical."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gate.layer import variable
from stack.measure.cold_start import BUILT, environment, functions
from stack.rehearsal.bundles import ROOT

ASKS_SCM = {"inspect_delegation", "enroll", "collect", "rotate_password"}
WITHOUT_CERTIFICATES = {"check_expiry", "plan_collection", "report"}
JUDGES = {
    "report",
    "inspect_delegation",
    "notify",
    "plan_collection",
}  # the last one reads what the inspections have found
_LEFT_OUT = variable((ROOT / "infra" / "dependencies" / "Makefile").read_text(encoding="utf-8"), "UNUSED")
_WITHOUT = f"import sys\nsys.modules.update(dict.fromkeys({[name.replace('/', '.') for name in _LEFT_OUT]}))"
_LIST = "\nprint(*sys.modules)"


@pytest.mark.parametrize("function", functions())
def test_a_function_imports_only_what_its_step_needs(function: str) -> None:
    """With one wiring that imports everything, each cold start took the time of all; cryptography takes a tenth.

    What the layer leaves out is not there to be imported.
    """
    command = [
        sys.executable,
        "-c",
        _WITHOUT + BUILT + _LIST,
        str(ROOT / "functions"),
        str(ROOT / "functions"),
        function,
    ]
    done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)

    imported = set(done.stdout.split())
    assert "boto3" not in imported
    assert ("httpx" in imported) is (function in ASKS_SCM)
    assert ("cryptography" in imported) is (function not in WITHOUT_CERTIFICATES)
    assert ("renewal.domain.judgement.problem" in imported) is (function in JUDGES)
    assert {name for name in imported if name.startswith("renewal.steps.")} >= {f"renewal.steps.{function}"}
    assert not {f"renewal.steps.{other}" for other in functions() if other != function} & imported
