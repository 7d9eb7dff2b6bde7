"""The output of every check of the gate."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of the code's structure: what it is about, as allowances.toml names it, and the line to print."""

    subject: str
    text: str


def report(findings: Iterable[str], *, clean: str) -> int:
    """Print each finding to standard error, or *clean* when there is none; return the exit code."""
    found = list(findings)
    for finding in found:
        print(finding, file=sys.stderr)
    if not found:
        print(clean)
    return 1 if found else 0
