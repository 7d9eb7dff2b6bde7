"""Folders, modules and classes that a newcomer could confuse."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

MOST_MODULES = 16
"""In one folder, `__init__.py` not counted: more do not fit in one view."""


def faults(files: Iterable[Path], distributions: Mapping[str, Path]) -> Iterator[str]:
    """Yield the folders with too many modules or with a hidden package, and the class names that occur twice."""
    folders: dict[Path, list[str]] = defaultdict(list)
    for file in files:
        if file.stem != "__init__":
            folders[file.parent].append(file.stem.removeprefix("test_"))
    for folder, modules in sorted(folders.items()):
        if len(modules) > MOST_MODULES:
            yield f"{folder}: {len(modules)} modules, more than {MOST_MODULES}: group some in a package"
        yield from _hidden_packages(folder, modules)
    for name, folder in distributions.items():
        yield from _classes_of_one_name(name, folder)


def _hidden_packages(folder: Path, modules: Iterable[str]) -> Iterator[str]:
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        by_prefix[module.partition("_")[0]].append(module)
    for prefix, found in sorted(by_prefix.items()):
        if len(found) > 2:
            yield f"{folder}: {', '.join(sorted(found))} have one prefix: make a package {prefix}/"


def _classes_of_one_name(distribution: str, folder: Path) -> Iterator[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{file}:{node.lineno}")
    for name, found in places.items():
        if len(found) > 1:
            yield f"{', '.join(found)}: two classes {name} in {distribution}: a reader takes one for the other"
