"""Each contract of import-linter fails on an import that it forbids."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "Imports point inwards": ("functions/renewal/ports/keys.py", "renewal.wiring"),
    "No import cycle": ("tools/gate/findings.py", "gate.shape"),
    "The operator's command is layered": ("tools/certmandate/files/__init__.py", "certmandate.cli"),
    "AWS on this machine uses only the file readers of the operator's command": (
        "tools/local/aws.py",
        "certmandate.cli",
    ),
    "Only `certmandate local` uses AWS on this machine": ("tools/certmandate/deployment.py", "local.run"),
    "Specs are written through one writer": ("tools/local/seed.py", "renewal.adapters.order_book.schema"),
    "The campaign's auditor shares no code with what it judges": (
        "tools/campaign/auditor/__init__.py",
        "renewal.ports.keys",
    ),
    "Domain, ports and steps use neither AWS nor HTTP": ("functions/renewal/ports/keys.py", "boto3"),
    "No step imports another step; what several need is in the row below": (
        "functions/renewal/steps/enroll.py",
        "renewal.steps.collect",
    ),
    "What runs in Lambda imports neither the tools nor the handlers": ("functions/renewal/settings.py", "gate.shape"),
    "The simulator is written from the vendor's reference, not from our client": (
        "tools/scm_simulator/refusals.py",
        "renewal.ports.keys",
    ),
    "The client for servers needs nothing else of this repository": ("tools/certmandate_fetch/pair.py", "httpx"),
    "Nothing of this repository uses the client for servers": ("tools/stack/cost.py", "certmandate_fetch.pair"),
}
"""An import for each contract, and the module that must not have it; all are planted at once."""


def test_every_contract_finds_its_forbidden_import(tmp_path: Path):
    """A contract with a misspelt module name would hold for ever."""
    for name in ("functions", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, module in FORBIDDEN.values():
        with (tmp_path / file).open("a", encoding="utf-8") as source:
            source.write(f"import {module}\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'functions'}:{tmp_path / 'tools'}"}

    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == set(FORBIDDEN)
    assert set(re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE)) == set(FORBIDDEN), done.stdout[-3000:]
