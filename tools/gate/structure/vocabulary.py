"""Words that identifiers do not use, and what they use instead: vocabulary.toml."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words to replace, each with its replacement: `parts` anywhere in an identifier, `names` as all of it.

    contracts: identifiers that stay, because others rely on them.
    """

    parts: Mapping[str, str]
    names: Mapping[str, str]
    contracts: tuple[str, ...] = ()

    @classmethod
    def read(cls) -> Vocabulary:
        """Read vocabulary.toml beside this module."""
        return cls(**tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8")))

    def replacements(self, identifier: str) -> Iterator[str]:
        """Yield what to change in an identifier in snake_case, CamelCase or CAPITALS, such as `told: reported`."""
        if identifier not in self.contracts:
            parts = [part.lower() for part in _PART.findall(identifier)]
            yield from (f"{part}: {self.parts[part]}" for part in parts if part in self.parts)
            if (name := "_".join(parts)) in self.names:
                yield f"{name}: {self.names[name]}"


def identifiers(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of everything that *source* defines: classes, functions, parameters, variables."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def faults(files: Iterable[Path], vocabulary: Vocabulary) -> Iterator[str]:
    """Yield the modules and identifiers whose name contains a banned term."""
    for file in files:
        for line, name in [(1, file.stem), *identifiers(file.read_text(encoding="utf-8"))]:
            for replacement in vocabulary.replacements(name):
                yield f"{file}:{line}: {name}: write another word ({replacement})"
