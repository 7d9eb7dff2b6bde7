"""The layout and the names of the code: `python -m gate.structure`, from the root of the repository."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from gate.findings import report
from gate.structure import complexity, layout, reach, vocabulary

FOLDERS = ("functions", "tools", "tests")
DISTRIBUTIONS = {
    "renewal": Path("functions"),
    **{
        name: Path("tools", name)
        for name in ("campaign", "certmandate", "certmandate_fetch", "gate", "local", "scm_simulator", "stack")
    },
}


def found() -> Iterator[Iterator[str]]:
    """Yield the findings of each guard."""
    files = [file for folder in FOLDERS for file in sorted(Path(folder).rglob("*.py"))]
    yield layout.faults(files, DISTRIBUTIONS)
    yield complexity.faults(files)
    yield reach.faults(Path("functions"))
    yield vocabulary.faults(files, vocabulary.Vocabulary.read())


def main() -> int:
    """Check the repository in the current folder."""
    findings = (finding for guard in found() for finding in guard)
    return report(findings, clean="layout, complexity, reach and names are sound")


if __name__ == "__main__":
    sys.exit(main())
