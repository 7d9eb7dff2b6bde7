"""The layout and the names of the code: `python -m gate.structure`, from the root of the repository.

What a guard finds and allowances.toml names is printed but does not fail.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gate.findings import Finding, report
from gate.structure import complexity, layout, reach, vocabulary

FOLDERS = ("functions", "tools", "tests")
DISTRIBUTIONS = {
    "renewal": Path("functions"),
    **{name: Path("tools", name) for name in ("campaign", "certmandate", "gate", "local", "scm_simulator", "stack")},
}


def found() -> dict[str, list[Finding]]:
    """Return the findings of each guard, by its name."""
    files = [file for folder in FOLDERS for file in sorted(Path(folder).rglob("*.py"))]
    return {
        "layout": list(layout.faults(files, DISTRIBUTIONS)),
        "complexity": list(complexity.faults(files)),
        "reach": list(reach.faults(Path("functions"))),
        "vocabulary": list(vocabulary.faults(files, vocabulary.Vocabulary.read())),
    }


def not_allowed(findings: Mapping[str, Iterable[Finding]], allowances: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the text of each finding that its guard's allowances do not name; print the allowances without a use."""
    for guard, its in findings.items():
        allowed = set(allowances.get(guard, ()))
        if fixed := sorted(allowed - {finding.subject for finding in its}):
            print(f"allowances.toml: {guard}: fixed, so delete: {', '.join(fixed)}")
        yield from (finding.text for finding in its if finding.subject not in allowed)


def main() -> int:
    """Check the repository in the current folder."""
    allowances = tomllib.loads(Path(__file__).with_name("allowances.toml").read_text(encoding="utf-8"))
    left = sum(map(len, allowances.values()))
    return report(not_allowed(found(), allowances), clean=f"layout and names are sound, but for {left} allowances")


if __name__ == "__main__":
    sys.exit(main())
