"""Whether the layer has what the functions need.

`python -m gate.layer functions infra/dependencies requirements/functions.in`

A function may import the standard library, its own package, and what requirements/functions.in names. Of
that, infra/dependencies/Makefile deletes most of boto3's services and some packages. A function that needs
them would fail in Lambda only: on this machine, everything is installed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
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
    """Yield (line, dotted name) of each module, or name in one, that is imported when the code runs."""
    blocks = [node for node in ast.walk(module) if isinstance(node, ast.If) and _is_type_checking(node.test)]
    for_types_only = {inner for block in blocks for inner in ast.walk(block)}
    for node in ast.walk(module):
        if isinstance(node, ast.Import) and node not in for_types_only:
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node not in for_types_only:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


_MODULES = {"dnspython": "dns"}
"""The packages whose module has another name."""


def named(requirements: str) -> frozenset[str]:
    """Return the top-level modules of the packages that a requirements file names."""
    names = re.findall(r"^[a-z][a-z0-9-]*", requirements, re.MULTILINE)
    return frozenset(_MODULES.get(name, name.replace("-", "_")) for name in [*names, "botocore"])  # boto3's other half


@dataclass(frozen=True, slots=True)
class Layer:
    """The packages and AWS services in the layer."""

    packages: frozenset[str]
    services: frozenset[str]
    left_out: tuple[str, ...]

    @classmethod
    def read(cls, dependencies: Path, requirements: Path) -> Layer:
        """Read the layer's makefile and the list of packages."""
        makefile = (dependencies / "Makefile").read_text(encoding="utf-8")
        left_out = [path.removesuffix(".py").replace("/", ".") + "." for path in variable(makefile, "UNUSED")]
        packages = named(requirements.read_text(encoding="utf-8"))
        return cls(packages, variable(makefile, "SERVICES"), tuple(left_out))

    def lacks(self, name: str, own: frozenset[str]) -> str:
        """Return why the module *name* is missing, or nothing; *own* are the modules beside it."""
        if f"{name}.".startswith(self.left_out):
            return f"{name} is deleted from the layer (UNUSED in its Makefile)"
        root = name.partition(".")[0]
        known = root in self.packages or root in own or root in sys.stdlib_module_names
        return "" if known else f"{root} is not a package of requirements/functions.in"


def faults(functions: Path, layer: Layer) -> Iterator[str]:
    """Yield every service and module that the functions use and the layer does not have."""
    own = frozenset(path.stem for path in functions.iterdir())
    for file in sorted(functions.rglob("*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        for line, service in services(module):
            if service not in layer.services:
                yield f"{file}:{line}: the layer's boto3 lacks {service} (SERVICES in its Makefile)"
        for line, name in imports(module):
            if lack := layer.lacks(name, own):
                yield f"{file}:{line}: {lack}"


def main(arguments: list[str] | None = None) -> int:
    """Check the folders of functions and dependencies, and the list of packages, named in *arguments*."""
    functions, dependencies, requirements = map(Path, arguments or sys.argv[1:])
    layer = Layer.read(dependencies, requirements)
    return report(faults(functions, layer), clean="the layer has what the functions need")


if __name__ == "__main__":
    sys.exit(main())
