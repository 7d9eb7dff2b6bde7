"""No module is compiled at a cold start; `make rehearse` checks the bundles that `make build` made, and the layer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.bytecode import compile_bundle, compiled_at_import


@pytest.fixture(scope="module")
def python() -> str:
    """Return a Python of the functions' runtime."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.13*/bin/python3.13"))
    for candidate in (shutil.which("python3.13"), *map(str, pyenv)):
        if candidate and not subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode:
            return candidate
    pytest.skip("no python3.13 on this machine")


@pytest.fixture
def bundle(tmp_path: Path, python: str) -> Path:
    """Return modules with their bytecode, and with other times than when they were compiled."""
    folder = tmp_path / "EnrollFunction"
    (folder / "renewal").mkdir(parents=True)
    (folder / "enroll.py").write_text("from renewal import steps\n")
    (folder / "renewal" / "__init__.py").write_text("")
    (folder / "renewal" / "steps.py").write_text("import json\n")
    compile_bundle(python, folder)
    for file in folder.rglob("*.py"):
        os.utime(file, (1, 1))
    return folder


def test_no_module_of_a_compiled_bundle_is_compiled_again(python: str, bundle: Path, tmp_path: Path) -> None:
    """Compiling doubles the CPU time of a cold start; packaging changes the times of the files."""
    assert compiled_at_import(python, bundle, tmp_path / "layer") == []


def test_a_module_without_bytecode_is_reported(python: str, bundle: Path, tmp_path: Path) -> None:
    """The check must fail when `make build` leaves a module out."""
    next(bundle.glob("renewal/__pycache__/steps.*.pyc")).unlink()

    assert compiled_at_import(python, bundle, tmp_path / "layer") == [str(bundle / "renewal" / "steps.py")]
