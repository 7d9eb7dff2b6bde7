"""Take out of a built bundle what no function needs: `python -m stack.lighten .aws-sam/build`.

Half of the functions' source is docstrings and comments, and some modules are for the operator's programs only. They
stay in the repository; what is uploaded goes without, line for line, so that a traceback in a log still points to the
right line of the source.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path


def lightened(source: str) -> str:
    """Return Python *source* with empty docstrings and without comments; every statement keeps its line."""
    lines = source.splitlines(keepends=True)
    for row, start, end in sorted(_comments(source), reverse=True):
        lines[row - 1] = lines[row - 1][:start].rstrip() + lines[row - 1][end:]
    for node in _bare_strings(source):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        lines[first] = " " * node.col_offset + '""\n'
        lines[first + 1 : last + 1] = ["\n"] * (last - first)
    return "".join(lines)


def _comments(source: str) -> Iterator[tuple[int, int, int]]:
    """(line, first column, last column) of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.start[1], token.end[1]


def _bare_strings(source: str) -> Iterator[ast.Expr]:
    """Statements that are nothing but a text: docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node


def reached(folder: Path) -> set[Path]:
    """Return the files that the handlers, which stand at the top of *folder*, import directly or through others."""
    found: set[Path] = set()
    waiting = sorted(folder.glob("*.py"))
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [one for name in _imports(file) for one in _files(folder, name)]
    return found


def _imports(file: Path) -> Iterator[str]:
    """Every dotted name that *file* imports; of `from a import b` both, since b may be a module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(folder: Path, name: str) -> Iterator[Path]:
    """The module *name* in *folder* with the packages above it; nothing for other people's."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        path = folder.joinpath(*parts[:depth])
        yield from (one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file())


def main(arguments: list[str] | None = None) -> int:
    """Lighten our own code in the build folder named in *arguments*; print what it saved."""
    (build,) = arguments or sys.argv[1:]
    for folder in sorted(Path(build).glob("*Function")):
        before, after = _lighten(folder)
        print(f"{folder.name:32} {before:>9,} → {after:>9,} characters: docstrings, comments, tools' modules left out")
    return 0


def _lighten(folder: Path) -> tuple[int, int]:
    needed, before, after = reached(folder), 0, 0
    for file in sorted(folder.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        light = lightened(source) if file in needed else ""
        before, after = before + len(source), after + len(light)
        if file in needed:
            file.write_text(light, encoding="utf-8")
        else:
            file.unlink()
    return before, after


if __name__ == "__main__":
    sys.exit(main())
