"""The output of every check of the gate."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def report(findings: Iterable[str], *, clean: str) -> int:
    """Print each finding to standard error, or *clean* when there is none; return the exit code."""
    found = list(findings)
    for finding in found:
        print(finding, file=sys.stderr)
    if not found:
        print(clean)
    return 1 if found else 0
