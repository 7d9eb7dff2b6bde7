"""Modules below functions/ that no handler imports: nothing strips a bundle, so they would be deployed without use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp


def faults(functions: Path, package: str = "renewal") -> Iterator[str]:
    """Yield the modules of *package* that no handler in *functions* reaches. The package must be importable."""
    graph = grimp.build_graph(package, cache_dir=None)
    reached = {name for handler in functions.glob("*.py") for name in _imported(handler)} & graph.modules
    for module in list(reached):
        reached |= graph.find_upstream_modules(module)
    packages = {name.rsplit(".", depth)[0] for name in reached for depth in range(1, name.count(".") + 1)}
    for module in sorted(graph.modules - reached - packages):
        yield f"{module}: no handler reaches it, and it would be deployed: move it to tools/"


def _imported(handler: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(handler.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
