"""A cold start imports what its step needs; `python -m stack.measure.cold_start` compares it with what is typical."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stack.measure.cold_start import BUILT, environment, functions
from stack.rehearsal.bundles import ROOT

ASKS_SCM = {"inspect_delegation", "enroll", "collect", "rotate_password"}
WITHOUT_CERTIFICATES = {"check_expiry", "plan_collection", "report"}
_LIST = "\nprint(*sys.modules)"


@pytest.mark.parametrize("function", functions())
def test_a_function_imports_only_what_its_step_needs(function: str) -> None:
    """With one wiring that imports everything, each cold start took the time of all; cryptography takes a tenth."""
    command = [sys.executable, "-c", BUILT + _LIST, str(ROOT / "functions"), str(ROOT / "functions"), function]
    done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)

    imported = set(done.stdout.split())
    assert "boto3" not in imported
    assert ("httpx" in imported) is (function in ASKS_SCM)
    assert ("cryptography" in imported) is (function not in WITHOUT_CERTIFICATES)
    assert {name for name in imported if name.startswith("renewal.steps.")} >= {f"renewal.steps.{function}"}
    assert not {f"renewal.steps.{other}" for other in functions() if other != function} & imported
