"""A cold start imports what its step needs; `python -m stack.measure.cold_start` compares it with what is typical."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gate.layer import variable
from stack.measure.cold_start import BUILT, environment, functions
from stack.rehearsal.bundles import ROOT

ASKS_SCM = {"inspect_delegation", "enroll", "collect", "rotate_password"}
WITHOUT_CERTIFICATES = {
    "check_expiry",
    "inspect_delegation",
    "notify",
    "plan_collection",
    "report",
    "rotate_password",
    "seal_audit",
}
JUDGES = {
    "report",
    "inspect_delegation",
    "notify",
    "plan_collection",
}  # the last one reads what the inspections have found
READS_NO_DELEGATION = {"check_expiry", "seal_audit"}
_LEFT_OUT = variable((ROOT / "infra" / "dependencies" / "Makefile").read_text(encoding="utf-8"), "UNUSED")
_FORKED = f"""
import gc, os, sys
sys.modules.update(dict.fromkeys({[name.replace("/", ".") for name in _LEFT_OUT]}))
import botocore.session
collections = lambda: sum(generation["collections"] for generation in gc.get_stats())
for name in sys.argv[3:]:
    gc.collect()
    if not os.fork():
        sys.argv[3:], before = [name], collections()
        exec({BUILT!r})
        print(name, f"collections={{collections() - before}}", *sys.modules, flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"{{name}} cannot be imported")
"""
"""Each function is imported in a process of its own, which has nothing but what all of them need for AWS.

Printed: its name, how often Python searched for garbage meanwhile, and its modules."""


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """The modules that each function imports; what the layer leaves out is not there to be imported."""
    folder = str(ROOT / "functions")
    command = [sys.executable, "-c", _FORKED, folder, folder, *functions()]
    done = subprocess.run(command, env=environment(), check=True, stdout=subprocess.PIPE, text=True)
    return {line.split()[0]: set(line.split()) for line in done.stdout.splitlines()}


@pytest.mark.parametrize("function", functions())
def test_a_function_imports_only_what_its_step_needs(function: str, imported: dict[str, set[str]]) -> None:
    """With one wiring that imports everything, each cold start took the time of all; cryptography takes a tenth."""
    modules = imported[function]

    assert "boto3" not in modules
    assert ("httpx" in modules) is (function in ASKS_SCM)
    assert ("cryptography" in modules) is (function not in WITHOUT_CERTIFICATES)
    assert ("renewal.domain.judgement.problem" in modules) is (function in JUDGES)
    assert ("renewal.domain.setup.inspection" in modules) is (function not in READS_NO_DELEGATION)
    assert {name for name in modules if name.startswith("renewal.steps.")} >= {f"renewal.steps.{function}"}
    assert not {f"renewal.steps.{other}" for other in functions() if other != function} & modules


@pytest.mark.parametrize("function", functions())
def test_a_cold_start_searches_for_no_garbage(function: str, imported: dict[str, set[str]]) -> None:
    """Powertools, imported before the threshold was set, made Python search 12 times: a twentieth of a cold start."""
    assert "collections=0" in imported[function]
