"""Known vulnerabilities of the pinned packages: `python -m stack.advisories .venv-audit/bin/pip-audit`.

Exits 0 when every package was checked and none is affected, 1 when one is affected, and 3 when an advisory source could
not be reached for some package: what was not checked never passes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("pypi", "osv")
"""Advisory sources of pip-audit, in the order in which they are tried."""
AFFECTED, NOT_CHECKED = 1, 3


def requirement_files() -> list[Path]:
    """Return every list of pinned packages; that of the functions is first."""
    return [ROOT / "infra" / "dependencies" / "requirements.txt", *sorted((ROOT / "requirements").glob("*.txt"))]


def audited(tool: str, file: Path) -> list[dict[str, Any]]:
    """Return pip-audit's rows for the packages of *file*: `vulns` of each, or a `skip_reason`."""
    rows: list[dict[str, Any]] = []
    for service in SERVICES:
        command = [tool, "--requirement", str(file), "--require-hashes", "--disable-pip", "--format", "json"]
        command += ["--progress-spinner", "off", "--vulnerability-service", service]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        try:
            rows = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError, TypeError):
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
            rows = rows or [{"name": f"all of {file.name}", "skip_reason": f"{service}: {reason[:200]}"}]
        if rows and not any("skip_reason" in row for row in rows):
            break
    return rows or [{"name": f"all of {file.name}", "skip_reason": "pip-audit found no package in it"}]


def report(rows: Iterable[dict[str, Any]]) -> int:
    """Print what is affected and what could not be checked; return the exit code."""
    every = list(rows)
    affected = [f"{row['name']} {row['version']}: {_ids(row)}" for row in every if row.get("vulns")]
    skipped = [f"{row['name']}: {row['skip_reason']}" for row in every if "skip_reason" in row]
    for text in affected:
        print(f"AFFECTED  {text}")
    for text in skipped:
        print(f"NOT CHECKED  {text}", file=sys.stderr)
    print(f"{len(every) - len(skipped)} packages checked, {len(affected)} affected, {len(skipped)} not checked")
    if skipped:
        print(
            "No advisory source was reached for these packages: this audit proves nothing about them", file=sys.stderr
        )
    return AFFECTED if affected else NOT_CHECKED if skipped else 0


def _ids(row: dict[str, Any]) -> str:
    fixes = (f"{found['id']} (fixed in {', '.join(found['fix_versions']) or 'no version'})" for found in row["vulns"])
    return "; ".join(fixes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit every list of packages with the pip-audit named first; each package and version once."""
    (tool,) = arguments or sys.argv[1:]
    rows = [row for file in requirement_files() for row in audited(tool, file)]
    return report({(row["name"], row.get("version")): row for row in rows}.values())


if __name__ == "__main__":
    sys.exit(main())
