"""Reduces botocore's descriptions to the operations in use: `python trim_models.py DATA SERVICE:OPERATION …`.

A client reads the whole description of its service when it is made: at each cold start, and most of it for nothing.
What remains is what botocore reads for these operations: their shapes and errors, paginators, and the endpoints of
their services in every partition. Documentation and waiters are removed. Nothing is compressed or indented: the rules
of S3's endpoints, of 119 KB, had 922 KB.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def trim(data: Path, operations: list[str]) -> None:
    """Trim the folder *data* of botocore. Raises KeyError for an operation that AWS does not have."""
    wanted = defaultdict(set)
    for operation in operations:
        service, _, name = operation.partition(":")
        wanted[service].add(name)
    prefixes = {_trim_service(data / service, names) for service, names in wanted.items()}
    endpoints = data / "endpoints.json"
    document = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in document["partitions"]:
        partition["services"] = {name: of for name, of in partition["services"].items() if name in prefixes}
    _write(endpoints, document)


def _trim_service(folder: Path, names: set[str]) -> str:
    """Keep the newest version of the service; return the prefix of its endpoints."""
    *older, newest = sorted(path for path in folder.iterdir() if path.is_dir())
    for version in older:
        shutil.rmtree(version)
    paginators = newest / "paginators-1.json"
    model = _unpacked(newest / "service-2.json.gz")
    model["operations"] = {name: model["operations"][name] for name in sorted(names)}
    shapes = _reached(model["operations"].values(), model["shapes"])
    model["shapes"] = {name: shape for name, shape in model["shapes"].items() if name in shapes}
    # botocore fails without the documentation of these parameters.
    kept = {name: model[name] for name in ("clientContextParams",) if name in model}
    _write(newest / "service-2.json", _undocumented(model) | kept)
    _write(newest / "endpoint-rule-set-1.json", _unpacked(newest / "endpoint-rule-set-1.json.gz"))
    pagination = json.loads(paginators.read_text(encoding="utf-8"))["pagination"]
    _write(paginators, {"pagination": {name: of for name, of in pagination.items() if name in names}})
    (newest / "waiters-2.json").unlink(missing_ok=True)
    prefix: str = model["metadata"]["endpointPrefix"]
    return prefix


def _unpacked(file: Path) -> Any:
    """Return a compressed document, and delete its file."""
    document = json.loads(gzip.decompress(file.read_bytes()))
    file.unlink()
    return document


def _reached(operations: Any, shapes: dict[str, Any]) -> set[str]:
    """Return the names of the shapes that *operations* are made of."""
    found: set[str] = set()
    left = [name for operation in operations for name in _references(operation)]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _references(shapes[name])
    return found


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for each in part for name in _references(each)]
    if not isinstance(part, dict):
        return []
    own = [part["shape"]] if isinstance(part.get("shape"), str) else []
    return own + [name for each in part.values() for name in _references(each)]


def _undocumented(part: Any) -> Any:
    if isinstance(part, list):
        return [_undocumented(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _undocumented(of) for name, of in part.items() if not (name == "documentation" and isinstance(of, str))
    }


def _write(file: Path, document: Any) -> None:
    file.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")


if __name__ == "__main__":
    trim(Path(sys.argv[1]), sys.argv[2:])
