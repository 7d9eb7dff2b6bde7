"""Functions with more paths than a reader can follow.

Counted as McCabe does (branches, loops, handlers), and with what ruff's C901 leaves out: comprehensions, their
conditions and conditional expressions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from gate.shape import Function, functions

MOST_PATHS = 12
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def complexity(function: Function) -> int:
    """Return the number of paths through *function*; functions inside it count for themselves."""
    paths = 1
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.comprehension):
            paths += 1 + len(node.ifs)
        elif isinstance(node, _BRANCHES):
            paths += 1
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    return paths


def faults(files: Iterable[Path]) -> Iterator[str]:
    """Yield the functions with more than MOST_PATHS paths."""
    for file in files:
        for function in functions(file.read_text(encoding="utf-8")):
            if (paths := complexity(function)) > MOST_PATHS:
                yield f"{file}:{function.lineno}: {function.name} has {paths} paths, more than {MOST_PATHS}: split it"
