"""`python -m campaign.results build/campaign.json …`: what was played, by scenario and by operation."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from campaign.fault_injection import Mode

Document = Mapping[str, Any]
"""What `campaign.table.write` has written."""


def lines(documents: Sequence[Document]) -> Iterator[str]:
    """Yield what was played and found, as Markdown: by scenario, then by operation and fault."""
    yield from _scenarios(documents)
    yield ""
    yield "```"
    letters = dict(zip((mode.value for mode in Mode), ascii_uppercase, strict=False))
    yield from (f"{letter} {mode}" for mode, letter in letters.items())
    yield ""
    yield from _operations(documents, letters)
    yield "```"


def _scenarios(documents: Sequence[Document]) -> Iterator[str]:
    yield "| scenario | commit | boundaries | cases | of recovery | not reached | violations |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for document in documents:
        names = list(document["boundaries_by_scenario"])
        name = names[0] if len(names) == 1 else f"{len(names)} scenarios"
        yield _row(name, f"`{document['versions']['commit']}`", _counts(document))
    totals = map(sum, zip(*map(_counts, documents), strict=True))
    yield _row("**all**", "", totals)


def _row(name: str, commit: str, counts: Iterable[int]) -> str:
    return f"| {' | '.join((name, commit, *(f'{count:,}' for count in counts)))} |"


def _counts(document: Document) -> tuple[int, ...]:
    parts = (document[name] for name in ("boundaries", "cases", "cases_of_recovery"))
    return (*parts, len(document["not_reached"]), document["violations"])


def _operations(documents: Sequence[Document], letters: Mapping[str, str]) -> Iterator[str]:
    """Cases of each operation and fault; a violated one has its share before a stroke."""
    cases: dict[str, Counter[str]] = {}
    violated: dict[str, Counter[str]] = {}
    for operation, row in ((each, row) for document in documents for each, row in document["table"].items()):
        for mode, counted in row.items():
            cases.setdefault(operation, Counter())[mode] += counted["cases"]
            violated.setdefault(operation, Counter())[mode] += counted["violated"]
    width = max(map(len, cases), default=0)
    yield " " * width + "".join(f"{letter:>5}" for letter in letters.values())
    for operation in sorted(cases):
        cells = (_cell(cases[operation][mode], violated[operation][mode]) for mode in letters)
        yield f"{operation:<{width}}{''.join(f'{cell:>5}' for cell in cells)}".rstrip()


def _cell(cases: int, violated: int) -> str:
    return f"{violated}/{cases}" if violated else str(cases or "")


def main(arguments: Sequence[str]) -> int:
    """Print the tables of the files named in *arguments*. Return 0, or 2 without any."""
    if not arguments:
        print("name the files that `python -m campaign --output FILE` has written", file=sys.stderr)
        return 2
    print("\n".join(lines([json.loads(Path(name).read_text(encoding="utf-8")) for name in arguments])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
