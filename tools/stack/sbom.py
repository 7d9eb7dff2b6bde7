"""What the bundles consist of: `python -m stack.sbom` prints a CycloneDX 1.6 document.

The source is the list that the layer is installed from, by hash: nothing is resolved, nothing can be missing. The
document holds no time and no random number, so that equal lists give equal documents.
(https://cyclonedx.org/docs/1.6/json)
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "infra" / "dependencies" / "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+?)(?:\s*;[^\\]*)?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Unpinned(Exception):
    """A requirement has no exact version or no hash."""


def components(requirements: str) -> Iterator[dict[str, Any]]:
    """Yield a component for each package of a hashed requirements file. Raises Unpinned."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", "\n" + re.sub(r"^\s*#.*\n", "", requirements, flags=re.MULTILINE)):
        lines = block.strip().splitlines()
        if not lines:
            continue
        match, hashes = _PINNED.match(lines[0].strip()), _HASH.findall(block)
        if match is None or not hashes:
            msg = f"{lines[0].strip()}: not pinned to one version with its hashes; run `make requirements`"
            raise Unpinned(msg)
        name, version = re.sub(r"[-_.]+", "-", match[1]).lower(), match[2]
        purl = f"pkg:pypi/{name}@{version}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "properties": [{"name": "certmandate:sha256-of-a-distribution", "value": one} for one in sorted(hashes)],
        }


def document(requirements: str, project: dict[str, Any]) -> dict[str, Any]:
    """Return the whole document; *project* is pyproject.toml's table."""
    found = sorted(components(requirements), key=lambda one: str(one["bom-ref"]))
    own = f"pkg:generic/{project['name']}@{project['version']}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own + json.dumps(found))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": found,
        "dependencies": [{"ref": own, "dependsOn": [one["bom-ref"] for one in found]}],
    }


def text() -> str:
    """Return the document of this repository as it is written. Raises Unpinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return json.dumps(document(REQUIREMENTS.read_text(encoding="utf-8"), project), indent=2) + "\n"


def main() -> int:
    """Print the document."""
    print(text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
