"""The result of a campaign: build/campaign.json."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from campaign.cases import CaseOutcome
from campaign.fault_injection import Mode

_LIBRARIES = ("boto3", "cryptography", "httpx", "hypothesis", "moto")


@dataclass
class Findings:
    """The outcomes so far."""

    outcomes: list[CaseOutcome] = field(default_factory=list)
    boundaries: dict[str, int] = field(default_factory=dict)
    """Boundaries by scenario."""
    not_reached: list[str] = field(default_factory=list)

    def add(self, outcome: CaseOutcome) -> None:
        """Add an outcome."""
        self.outcomes.append(outcome)
        if not outcome.was_reached:
            self.not_reached.append(f"{outcome.scenario}: {outcome.boundary}, {outcome.mode}")

    @property
    def broken(self) -> list[CaseOutcome]:
        """The outcomes with violations."""
        return [outcome for outcome in self.outcomes if outcome.violations]

    @property
    def has_failed(self) -> bool:
        """Whether there is a violation, or a case that was not reached."""
        return bool(self.broken or self.not_reached)

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        operations = sorted({outcome.operation for outcome in self.outcomes})
        return {
            "boundaries": sum(self.boundaries.values()),
            "boundaries_by_scenario": self.boundaries,
            "modes": [mode.value for mode in Mode],
            "cases": len(self.outcomes),
            "cases_of_recovery": sum(outcome.is_recovery for outcome in self.outcomes),
            "violations": sum(len(outcome.violations) for outcome in self.outcomes),
            "not_reached": self.not_reached,
            "reported_failures": sum(outcome.faulty_run != "SUCCEEDED" for outcome in self.outcomes),
            "table": {
                operation: _row([outcome for outcome in self.outcomes if outcome.operation == operation])
                for operation in operations
            },
            "broken": [asdict(outcome) for outcome in self.broken],
        }


def _row(outcomes: Iterable[CaseOutcome]) -> Mapping[str, Mapping[str, int]]:
    cases: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for outcome in outcomes:
        cases[outcome.mode] += 1
        broken[outcome.mode] += bool(outcome.violations)
    return {mode: {"cases": cases[mode], "violated": broken[mode]} for mode in sorted(cases)}


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write build/campaign.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def versions(root: Path) -> Mapping[str, str]:
    """Return the versions under test: the commit, Python, and the libraries involved."""
    commit = _git(root, ["rev-parse", "--short", "HEAD"])
    return {
        "commit": commit + ("+" if _git(root, ["status", "--porcelain", "--", "functions", "infra"]) else ""),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def _git(root: Path, arguments: Sequence[str]) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
