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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeGuard

from samtranslator.yaml_helper import yaml_parse


def lightened(source: str) -> str:
    """Return Python *source* without docstrings and comments, indented by one; every statement keeps its line.

    A docstring that is all there is of a body stays, empty.
    """
    lines = source.splitlines(keepends=True)
    for row, start, end in sorted(_comments(source), reverse=True):
        lines[row - 1] = lines[row - 1][:start].rstrip() + lines[row - 1][end:]
    for node, is_all in _bare_strings(source):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        lines[first] = " " * node.col_offset + '""\n' if is_all else "\n"
        lines[first + 1 : last + 1] = ["\n"] * (last - first)
    return _indented_by_one("".join(lines))


def _indented_by_one(source: str) -> str:
    """Four blanks of indentation are one, but for the inside of texts of several lines."""
    within = {
        row
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        for row in range(token.start[0] + 1, token.end[0] + 1)
        if token.type == tokenize.STRING
    }
    lines = source.splitlines(keepends=True)
    return "".join(line if row in within else _shortened(line) for row, line in enumerate(lines, 1))


def _shortened(line: str) -> str:
    body = line.lstrip(" ")
    blanks = len(line) - len(body)
    return " " * (blanks // 4) + body if blanks % 4 == 0 else line


def _comments(source: str) -> Iterator[tuple[int, int, int]]:
    """(line, first column, last column) of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.start[1], token.end[1]


def _bare_strings(source: str) -> Iterator[tuple[ast.Expr, bool]]:
    """Statements that are nothing but a text (docstrings, of attributes, too), and whether a body has no other."""
    for parent in ast.walk(ast.parse(source)):
        for body in (getattr(parent, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                texts = [one for one in body if _is_bare_string(one)]
                yield from ((one, len(texts) == len(body) and not isinstance(parent, ast.Module)) for one in texts)


def _is_bare_string(node: ast.stmt) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def reached(folder: Path, handlers: Iterable[str]) -> set[Path]:
    """Return the files that *handlers*, at the top of *folder*, import directly or through others."""
    found: set[Path] = set()
    waiting = [folder / f"{one}.py" for one in handlers]
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
    resources = yaml_parse((Path(build) / "template.yaml").read_text(encoding="utf-8"))["Resources"]
    for folder in sorted(Path(build).glob("*Function")):
        handler = resources[folder.name]["Properties"]["Handler"].partition(".")[0]
        before, after = _lighten(folder, handler)
        print(f"{folder.name:32} {before:>9,} → {after:>9,} characters: docstrings, comments, tools' modules left out")
    return 0


def _lighten(folder: Path, handler: str) -> tuple[int, int]:
    needed, before, after = reached(folder, [handler]), 0, 0
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
