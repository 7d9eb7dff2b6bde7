"""Debian's packages of the servers, unpacked below build/: nothing is installed, and no root is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("nginx", "apache2-bin", "haproxy", "python3-boto3", "python3-cryptography")
_MINUTES = 5


class NotInstallable(Exception):
    """The text has the reason, for the skip."""


@dataclass(frozen=True)
class Unpacked:
    """What `dpkg -x` has unpacked, with what is installed."""

    root: Path

    @classmethod
    def once(cls, folder: Path, packages: Sequence[str] = PACKAGES) -> Unpacked:
        """Download and unpack what is not installed; later calls find it. Raises NotInstallable."""
        done, wanted = folder / "done", " ".join(packages)
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            missing = _missing(packages)
            if missing:
                _run(["apt-get", "download", "--quiet", *missing], folder)
            for package in sorted(folder.glob("*.deb")):
                _run(["dpkg", "--extract", str(package), "root"], folder)
                package.unlink()
            done.write_text(wanted)
        return cls(folder / "root")

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which the programs and Debian's Python find what was unpacked beside them."""
        libraries = sorted((self.root / "usr" / "lib").glob("*-linux-gnu*"))
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))},
            "PATH": f"{self.root}/usr/sbin:{self.root}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
            "PYTHONPATH": f"{self.root}/usr/lib/python3/dist-packages",
        }


def _missing(packages: Sequence[str]) -> list[str]:
    """What apt would install."""
    if not shutil.which("apt-get"):
        raise NotInstallable("this system has no apt-get")
    done = _run(["apt-get", "install", "--simulate", "--no-install-recommends", *packages], ROOT)
    return re.findall(r"^Inst (\S+)", done, re.MULTILINE)


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_MINUTES * 60,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"{command[0]} has not ended within {_MINUTES} minutes") from None
    if done.returncode:
        raise NotInstallable(f"{' '.join(command[:2])} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout
