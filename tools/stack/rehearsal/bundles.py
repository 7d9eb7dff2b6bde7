"""The built bundles, alone on their import path: themselves, the layer and the standard library."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from stack.bytecode import bundles, compiled_at_import

ROOT = Path(__file__).resolve().parents[3]
_WORK = ROOT / "build" / "rehearsal"
_ISOLATED = (
    "import runpy, sys; sys.argv.pop(0); sys.path.insert(0, sys.argv.pop(0)); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class RehearsalFailed(Exception):
    """A step of the rehearsal failed; the text is the reason."""


def built_template(build: Path) -> Path:
    """Return `sam build`'s template without the folder of the sources, which its functions no longer use."""
    source = build / "template.yaml"
    if not source.is_file():
        msg = f"{source} is not there: run `make build` first"
        raise RehearsalFailed(msg)
    text = source.read_text(encoding="utf-8").replace("    CodeUri: functions/\n", "", 1)
    target = build / "rehearsal.yaml"
    target.write_text(text, encoding="utf-8")
    return target


def layer(python: str) -> Path:
    """Make the layer as for Lambda, but for this machine's processor; return the folder that goes on the path."""
    machine, source = platform.machine(), ROOT / "infra" / "dependencies"
    recipe = b"".join((source / name).read_bytes() for name in ("Makefile", "requirements.txt", "trim_models.py"))
    target = _WORK / f"layer-{hashlib.sha256(recipe + python.encode()).hexdigest()[:12]}"
    command = ["make", "--silent", "--directory", str(source), "build-Dependencies"]
    command += [f"ARTIFACTS_DIR={target}", f"PYTHON={python}"]
    command += [f"PLATFORMS=manylinux_2_28_{machine} manylinux2014_{machine}"]
    if not (target / "python").is_dir():
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, check=True)
    return target / "python"


def check_bytecode(build: Path, python: str, packages: Path) -> int:
    """Import every module of each bundle in a new process; return the number of bundles.

    Raises RehearsalFailed when a module is compiled.
    """
    folders = list(bundles(build.resolve()))
    for folder in folders:
        if compiled := compiled_at_import(python, folder, packages):
            msg = f"{folder.name}: compiled at every cold start: {', '.join(compiled)}; run `make build` again"
            raise RehearsalFailed(msg)
    return len(folders)


@contextmanager
def isolated_functions(python: str, packages: Path, template: Path) -> Iterator[None]:
    """Make the local AWS run the built bundles with *python* and *packages*, and no other packages."""
    pool: Any = import_module("local.functions.pool")
    run: Any = import_module("local.run")
    originals = pool.fork_server_command, run.TEMPLATE
    isolated = [python, "-I", "-S", "-c", _ISOLATED, str(packages), str(pool.FORK_SERVER)]
    pool.fork_server_command, run.TEMPLATE = lambda: isolated, template
    try:
        yield
    finally:
        pool.fork_server_command, run.TEMPLATE = originals
