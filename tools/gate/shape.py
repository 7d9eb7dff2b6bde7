"""Hold the code to the sizes and names of CONTRIBUTING.md: `python -m gate.shape functions tools`."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from gate.findings import report

LONGEST_FUNCTION = 40  # lines, without its docstring
LONGEST_MODULE = 350  # lines; 250 is the aim
NOT_A_NOUN = {"base", "common", "constants", "core", "helper", "helpers", "manager", "misc", "util", "utils"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(function: Function) -> int:
    """Return the number of lines from `def` to the end, the docstring not counted."""
    last = function.end_lineno or function.lineno
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if has_docstring else 0
    return last - function.lineno + 1 - docstring


def functions(source: str) -> Iterator[Function]:
    """Yield every function and method in *source*."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def faults(file: Path) -> Iterator[str]:
    """Yield what is too long, or has no name of its own."""
    source = file.read_text(encoding="utf-8")
    if file.stem in NOT_A_NOUN:
        yield f"{file}: name it after what it holds"
    if (lines := source.count("\n")) > LONGEST_MODULE:
        yield f"{file}: {lines} lines; split a module above {LONGEST_MODULE}"
    for function in functions(source):
        if (lines := length(function)) > LONGEST_FUNCTION:
            yield f"{file}:{function.lineno}: {function.name}: {lines} lines; {LONGEST_FUNCTION} is the most"


def main(arguments: list[str] | None = None) -> int:
    """Check the folders named in *arguments*."""
    files = [file for folder in arguments or sys.argv[1:] for file in sorted(Path(folder).rglob("*.py"))]
    lengths = [length(function) for file in files for function in functions(file.read_text(encoding="utf-8"))]
    clean = (
        f"{len(files)} modules, {len(lengths)} functions: "
        f"median {statistics.median(lengths or [0]):g} lines, longest {max(lengths, default=0)}"
    )
    return report((fault for file in files for fault in faults(file)), clean=clean)


if __name__ == "__main__":
    sys.exit(main())
