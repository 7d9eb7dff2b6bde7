"""Bytecode for the functions that `sam build` copied: `python -m stack.bytecode .aws-sam/build python3.13`.

Lambda mounts a function's folder read-only, so a module without valid bytecode is compiled again at every cold start.
Every module is shipped with its bytecode, marked as never to be checked against its source, because packaging
changes the times of the files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

IN_LAMBDA = "/var/task"
"""Where Lambda mounts a function's folder (AWS: lambda/latest/dg/configuration-layers.html)."""

_IMPORT_EVERY_MODULE = """
import importlib, json, pathlib, sys
bundle, packages = sys.argv[1:]
sys.path[:0] = [bundle, packages]
compiled = []
sys.addaudithook(lambda event, args: compiled.append(str(args[1])) if event == "compile" else None)
for file in sorted(pathlib.Path(bundle).rglob("*.py")):
    importlib.import_module(".".join(file.relative_to(bundle).with_suffix("").parts).removesuffix(".__init__"))
print(json.dumps([file for file in compiled if file.startswith((bundle, packages))]))
"""


def compile_bundle(python: str, bundle: Path) -> None:
    """Compile every module of *bundle* with *python*. Raises CalledProcessError for a syntax error."""
    command = [python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(bundle), "-p", IN_LAMBDA, str(bundle)], check=True)


def compiled_at_import(python: str, bundle: Path, packages: Path) -> list[str]:
    """Return the files that *python* compiles when a new process imports every module of *bundle*.

    packages: the folder of the layer, for this machine's processor; its files count, too.
    Nothing is written: as in Lambda, bytecode that is missing stays missing.
    Raises CalledProcessError when a module cannot be imported.
    """
    command = [python, "-I", "-S", "-B", "-c", _IMPORT_EVERY_MODULE, str(bundle), str(packages)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    compiled: list[str] = json.loads(done.stdout)
    return compiled


def bundles(build: Path) -> Iterator[Path]:
    """Yield the folder of each function in sam's *build* folder."""
    resources = yaml_parse((build / "template.yaml").read_text(encoding="utf-8"))["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            yield build / resource["Properties"]["CodeUri"]


def main(arguments: list[str] | None = None) -> int:
    """Compile the functions of the build folder named first with the Python named second."""
    build, python = arguments or sys.argv[1:]
    for bundle in bundles(Path(build)):
        compile_bundle(python, bundle)
    return 0


if __name__ == "__main__":
    sys.exit(main())
