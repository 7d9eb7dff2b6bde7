"""Measure what `make build` made: `python -m gate.package_size .aws-sam/build`.

Lambda loads and keeps every byte, and a deployment uploads what changed. So our own code stays small enough
to read in the console, and the dependencies (boto3 above all) stay trimmed.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from gate.findings import report

LIMITS = {
    "AWS::Serverless::Function": 100_000,  # bytes, zipped
    "AWS::Serverless::LayerVersion": 8_000_000,
}


def zipped(folder: Path) -> int:
    """Return the size in bytes of *folder*'s files as a zip (sam packs no folders), as tight as deflate can."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            archive.write(file, file.relative_to(folder))
    return content.getbuffer().nbytes


def sizes(build: Path) -> Iterator[tuple[str, str, int]]:
    """Yield (logical id, type, zipped bytes) of each function and layer in sam's *build* folder."""
    resources = yaml_parse((build / "template.yaml").read_text(encoding="utf-8"))["Resources"]
    for logical_id, resource in sorted(resources.items()):
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind in LIMITS:
            folder = build / str(properties.get("CodeUri", properties.get("ContentUri")))
            yield logical_id, kind, zipped(folder)


def faults(build: Path) -> Iterator[str]:
    """Print every size; yield those above their limit."""
    for logical_id, kind, size in sizes(build):
        print(f"{logical_id:32} {size:>12,} bytes zipped, limit {LIMITS[kind]:>12,}")
        if size > LIMITS[kind]:
            yield f"{logical_id}: {size:,} bytes zipped, and {LIMITS[kind]:,} is the limit"


def main(arguments: list[str] | None = None) -> int:
    """Measure the build folder named in *arguments*."""
    (build,) = arguments or sys.argv[1:]
    return report(faults(Path(build)), clean="every package is within its limit")


if __name__ == "__main__":
    sys.exit(main())
