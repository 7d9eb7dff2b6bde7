"""Known vulnerabilities of the pinned packages: `python -m stack.advisories .venv-audit/bin/pip-audit`.

Exits 0 when every package was checked and none is affected, 1 when one is affected, and 3 when no advisory source was
found for some package: what was not checked never passes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("pypi", "osv")
"""Advisory sources of pip-audit, in the order in which they are tried; `PIP_AUDIT_OSV_URL` is the address of osv."""
CONTROL = "idna==3.6 --hash=sha256:c05567e9c24a6b9faaa835c4821bad0590fbb9d5779e7caa6e1cc4978e7eb24f"
"""A package that is affected (CVE-2024-3651), and is not installed: a source that does not know that proves nothing."""
AFFECTED, NOT_CHECKED = 1, 3


def requirement_files() -> list[Path]:
    """Return every list of pinned packages; that of the functions is first."""
    return [ROOT / "infra" / "dependencies" / "requirements.txt", *sorted((ROOT / "requirements").glob("*.txt"))]


def source(tool: str) -> tuple[str, str]:
    """Return the first of SERVICES that is reached and knows CONTROL; empty when none does, with the reasons.

    A mirror of packages without advisories, or a proxy that answers everything, calls every package unaffected.
    """
    reasons: list[str] = []
    with TemporaryDirectory() as folder:
        control = Path(folder) / "control.txt"
        control.write_text(f"{CONTROL}\n", encoding="utf-8")
        for service in SERVICES:
            rows, reason = asked(tool, service, control)
            if any(row.get("vulns") for row in rows):
                return service, ""
            reasons.append(f"{service}: {reason or f'it has no advisory for {control.read_text().split()[0]}'}")
    return "", "; ".join(reasons)


def asked(tool: str, service: str, file: Path) -> tuple[list[dict[str, Any]], str]:
    """Return pip-audit's rows for the packages of *file*: `vulns` of each, or a `skip_reason`; or none, and why."""
    command = [tool, "--requirement", str(file), "--require-hashes", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--vulnerability-service", service]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        rows = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [], (done.stderr.strip().splitlines() or ["no output"])[-1][:200]
    return rows, next((row["skip_reason"] for row in rows if "skip_reason" in row), "" if rows else "no package in it")


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
        print("No advisory source was found for these packages: this audit proves nothing about them", file=sys.stderr)
    return AFFECTED if affected else NOT_CHECKED if skipped else 0


def _ids(row: dict[str, Any]) -> str:
    fixes = (f"{found['id']} (fixed in {', '.join(found['fix_versions']) or 'no version'})" for found in row["vulns"])
    return "; ".join(fixes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit every list of packages with the pip-audit named first; each package and version once."""
    (tool,) = arguments or sys.argv[1:]
    service, fault = source(tool)
    rows: list[dict[str, Any]] = []
    for file in requirement_files():
        found, reason = asked(tool, service, file) if service else ([], fault)
        rows += found or [{"name": f"all of {file.name}", "skip_reason": reason}]
    return report({(row["name"], row.get("version")): row for row in rows}.values())


if __name__ == "__main__":
    sys.exit(main())
