"""Check the sizes and names of CONTRIBUTING.md: `python -m gate.shape functions tools tests`."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from gate.findings import report

LONGEST_FUNCTION = 40  # lines, without its docstring
LONGEST_MODULE = 350  # lines; 250 is the aim
MOST_METHODS = 12  # of a protocol: whoever implements it in a test writes each of them
LONG_ON_PURPOSE = {"fakes"}  # the ports in memory for the unit tests; remove when it is split
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
    """Yield what is too long or badly named; in a test module, the tests without a reason and the long helpers."""
    source = file.read_text(encoding="utf-8")
    is_test = file.stem.startswith("test_")
    if is_test:
        yield from _without_reason(file, source)
    else:
        yield from _of_module(file, source)
    for function in functions(source):
        lines = length(function)
        if lines > LONGEST_FUNCTION and not (is_test and function.name.startswith("test_")):
            yield f"{file}:{function.lineno}: {function.name}: {lines} lines, more than {LONGEST_FUNCTION}"


def _without_reason(file: Path, source: str) -> Iterator[str]:
    for function in functions(source):
        if function.name.startswith("test_") and not ast.get_docstring(function):
            yield f"{file}:{function.lineno}: {function.name}: give its reason as docstring"


def _of_module(file: Path, source: str) -> Iterator[str]:
    lines = source.count("\n")
    if file.stem in NOT_A_NOUN:
        yield f"{file}: name it after what it holds"
    if lines > LONGEST_MODULE and file.stem not in LONG_ON_PURPOSE:
        yield f"{file}: {lines} lines; split a module above {LONGEST_MODULE}"
    for protocol in _protocols(source):
        methods = sum(isinstance(member, Function) for member in protocol.body)
        if methods > MOST_METHODS:
            yield f"{file}:{protocol.lineno}: {protocol.name}: {methods} methods, more than {MOST_METHODS}; split it"


def _protocols(source: str) -> Iterator[ast.ClassDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("Protocol") for base in node.bases):
            yield node


def main(arguments: list[str] | None = None) -> int:
    """Check the folders named in *arguments*."""
    files = [file for folder in arguments or sys.argv[1:] for file in sorted(Path(folder).rglob("*.py"))]
    code = [file.read_text(encoding="utf-8") for file in files if "tests" not in file.parts]
    lengths = [length(function) for source in code for function in functions(source)]
    clean = (
        f"{len(code)} modules, {len(lengths)} functions: "
        f"median {statistics.median(lengths or [0]):g} lines, longest {max(lengths, default=0)}"
    )
    return report((fault for file in files for fault in faults(file)), clean=clean)


if __name__ == "__main__":
    sys.exit(main())
