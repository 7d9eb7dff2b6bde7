"""Bundles that come out the same, byte for byte: `python -m stack.package .aws-sam/build build/package`.

`sam build` makes folders; `sam deploy` would zip them with the times of their files in it, so that two builds of
the same source are never equal. Here they are zipped in order and without times, equal folders once, and the
template is pointed at the zips. sbom.json lists what the layer consists of, SHA256SUMS what must come out on any
machine: `cd build/package && sha256sum --check SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "infra" / "dependencies" / "requirements.txt"
LARGEST = 9_000_000
"""Bytes of a zip. Lambda loads and keeps every byte: boto3 untrimmed is 17 MB."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_FOLDER = re.compile(r"^(\s+(?:CodeUri|ContentUri): )(\S+)$", re.MULTILINE)
_FILE = re.compile(r"^(\s+DefinitionUri: )(\S+)$", re.MULTILINE)


class NotBuilt(Exception):
    """`sam build` has to run first."""


class TooLarge(Exception):
    """A zip has more than LARGEST bytes."""


def zipped(folder: Path) -> bytes:
    """Return a folder as a zip: sorted, without times and owners, nothing executable but what is."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, whatever this machine is
                entry.external_attr = (0o755 if os.access(file, os.X_OK) else 0o644) << 16
                archive.writestr(entry, file.read_bytes(), compresslevel=9)
    return content.getvalue()


def parts(requirements: Path = REQUIREMENTS) -> bytes:
    """Return the packages of a hashed requirements file as CycloneDX 1.6, without times and random numbers.

    cyclonedx-py reads the hashes from the file and the licences from what is installed; both are put where scanners
    read them. Raises CalledProcessError when the file cannot be read, KeyError when one of its packages is not
    installed.
    """
    listed, installed = _cyclonedx("requirements", str(requirements)), _installed()
    licences = {component["purl"]: component.get("licenses", []) for component in installed["components"]}
    for component in listed["components"]:
        component["licenses"] = licences[component["purl"]]
        component["hashes"] = [found for link in component["externalReferences"] for found in link.get("hashes", ())]
    return json.dumps(listed, indent=2).encode()


@cache
def _installed() -> Any:
    return _cyclonedx("environment", "--no-validate", sys.executable)  # to validate all of .venv takes half a minute


def _cyclonedx(source: str, *arguments: str) -> Any:
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", source, "--output-reproducible"]
    command += ["--spec-version", "1.6", "--mc-type", "application", "--pyproject", str(ROOT / "pyproject.toml")]
    return json.loads(subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE).stdout)


def package(build: Path, target: Path) -> dict[str, str]:
    """Zip what `sam build` left in *build* into *target*, with the list of parts; return each file's SHA-256, by name.

    Raises NotBuilt, TooLarge.
    """
    template = build / "template.yaml"
    if not template.is_file():
        msg = f"{template} is not there: run `make build` first"
        raise NotBuilt(msg)
    target.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}

    def bundled(match: re.Match[str]) -> str:
        folder = build / match[2]
        if not folder.is_dir():
            return match[0]  # Globals still names the folder of the sources; every function overrides it
        content = zipped(folder)
        if len(content) > LARGEST:
            msg = f"{match[2]}: {len(content):,} bytes zipped, more than {LARGEST:,}: see infra/dependencies/Makefile"
            raise TooLarge(msg)
        same = next((name for name, other in files.items() if other == content), "")
        name = same or f"{'dependencies' if 'ContentUri' in match[1] else 'functions'}-{_sha256(content)[:12]}.zip"
        files[name] = content
        return match[1] + name

    def copied(match: re.Match[str]) -> str:
        source = (build / match[2]).resolve()
        files[source.name] = source.read_bytes()
        return match[1] + source.name

    text = _FILE.sub(copied, _FOLDER.sub(bundled, template.read_text(encoding="utf-8")))
    files |= {"template.yaml": text.encode(), "sbom.json": parts()}
    for old in target.glob("*.zip"):
        old.unlink()
    for name, content in files.items():
        (target / name).write_bytes(content)
    sums = {name: _sha256(files[name]) for name in sorted(files)}
    (target / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    return sums


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Package the build named first into the folder named second."""
    build, target = map(Path, arguments or sys.argv[1:])
    try:
        sums = package(build, target)
    except (NotBuilt, TooLarge) as fault:
        print(fault, file=sys.stderr)
        return 1
    for name, digest in sums.items():
        print(f"{digest}  {(target / name).stat().st_size:>10,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
