"""The client with the oldest Python that it supports, and with packages of that time: fetch and renewal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import LocalAws
from local.run import TEMPLATE
from renewal.adapters.objects import S3Certificates
from tests.adapters.aws.records import SPEC
from tests.fetch.debian import ROOT
from tests.fetch.host import NAME, a_new_pair
from tests.throwaway_ca import hierarchy, pem

PACKAGES = ("boto3==1.26.27", "cryptography==36.0.1")
"""Those of Debian 12, and of Red Hat Enterprise Linux 9."""


@pytest.fixture(scope="module")
def python() -> Path:
    """Python 3.9 with the packages, in an environment of its own; or a skip."""
    folder = ROOT / "build" / "python39"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for command in (
            [_interpreter(), "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", *PACKAGES],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}")
        (folder / "done").touch()
    return folder / "bin" / "python"


def _interpreter() -> str:
    """Python 3.9 on the PATH or under pyenv."""
    installed = Path.home().glob(".pyenv/versions/3.9*/bin/python3.9")
    for found in filter(None, (shutil.which("python3.9"), *map(str, installed))):
        if not subprocess.run([found, "--version"], capture_output=True, check=False).returncode:
            return found
    pytest.skip("this system has no Python 3.9")


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(TEMPLATE) as started:
        yield started


def test_the_client_runs_with_python_3_9(python: Path, aws: LocalAws, tmp_path: Path) -> None:
    """Enterprise distributions have it for years; a name of a later standard library fails only when it is used."""
    (tmp_path / "roots.pem").write_text(pem(hierarchy().root.certificate))
    (tmp_path / "password").write_text("keystore password\n")
    (tmp_path / "fetch.conf").write_text(
        f"[store]\nbucket = {aws.outputs['StoreBucket']}\ndelegation = {SPEC.delegation}\nendpoint = {aws.endpoint}\n"
        f"roots = {tmp_path}/roots.pem\nhost = web-1\n[certificate {SPEC.name}]\nnames = {NAME}\n"
        f"folder = {tmp_path}/idp\nhaproxy = yes\nkeystore = {tmp_path}/key.p12\npassword_file = {tmp_path}/password\n"
        "test = true\nreload = true\n"
    )
    for days in (2.0, 1.0):
        pair = a_new_pair(begins_days_ago=days)
        S3Certificates(aws.client("s3"), aws.outputs["StoreBucket"]).put(pair)

        (row,) = _fetched(python, aws, tmp_path)["certificates"]

        assert (row["state"], row["serial"]) == ("installed", pair.chain.leaf.serial)


def _fetched(python: Path, aws: LocalAws, folder: Path) -> dict[str, Any]:
    """Run the client; return its document."""
    exports = {name: value for name, value in aws.exports().items() if "ENDPOINT" not in name}
    done = subprocess.run(
        [python, "-m", "certmandate_fetch", "--config", folder / "fetch.conf", "--json"],
        env={**os.environ, **exports, "PYTHONPATH": str(ROOT / "tools")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))
