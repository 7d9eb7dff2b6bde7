"""The parts of the documents that programs compute, each between the comments `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Parts = Mapping[str, str]
"""Texts by name; each ends its last line."""


def with_parts(document: str, parts: Parts) -> str:
    """Return *document* with *parts* between their comments. Raises ValueError when it lacks one of them."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        head, rest = document.split(begin)
        _, tail = rest.split(end)
        document = f"{head}{begin}{text}{end}{tail}"
    return document


def write(file: Path, parts: Parts) -> None:
    """Put *parts* into the document in *file*."""
    file.write_text(with_parts(file.read_text(encoding="utf-8"), parts), encoding="utf-8")


def main(program: str, file: Path, parts: Callable[[], Parts], arguments: Sequence[str] | None = None) -> int:
    """Print the parts of the document in *file*, or write them into it: the command of *program*, a module."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=f"The tables of {file.name}.")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {file.name}")
    if parser.parse_args(arguments).write:
        write(file, parts())
    else:
        print(*parts().values(), sep="\n", end="")
    return 0
