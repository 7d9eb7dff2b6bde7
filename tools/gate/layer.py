"""Whether the trimmed layer serves the functions: `python -m gate.layer functions infra/dependencies`.

infra/dependencies/Makefile leaves out most of boto3's services and some packages. A function that needs one
of them would fail in Lambda alone: here the packages are whole.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from gate.findings import report


def variable(makefile: str, name: str) -> frozenset[str]:
    """Return the words that `name := ...` lists in the text of a makefile."""
    match = re.search(rf"^{name} :=(.*)$", makefile.replace("\\\n", " "), re.MULTILINE)
    return frozenset(match[1].split()) if match else frozenset()


def services(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, service) of each call of a function named `client` or `resource` with a literal."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("client", "resource"):
                yield node.lineno, str(node.args[0].value)


def imports(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of each module or name imported from one."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def faults(functions: Path, dependencies: Path) -> Iterator[str]:
    """Yield every service and module that the functions use and the layer does not have."""
    makefile = (dependencies / "Makefile").read_text(encoding="utf-8")
    kept, left_out = variable(makefile, "SERVICES"), variable(makefile, "UNUSED")
    packages = tuple(path.removesuffix(".py").replace("/", ".") + "." for path in left_out)
    for file in sorted(functions.rglob("*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        for line, service in services(module):
            if service not in kept:
                yield f"{file}:{line}: {service} is not among the SERVICES of {dependencies}/Makefile"
        for line, name in imports(module):
            if f"{name}.".startswith(packages):
                yield f"{file}:{line}: {name} is left out of the layer: see UNUSED in {dependencies}/Makefile"


def main(arguments: list[str] | None = None) -> int:
    """Check the folders of functions and dependencies named in *arguments*."""
    functions, dependencies = map(Path, arguments or sys.argv[1:])
    return report(faults(functions, dependencies), clean="the layer holds what the functions ask of it")


if __name__ == "__main__":
    sys.exit(main())
