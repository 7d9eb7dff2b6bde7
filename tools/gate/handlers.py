"""The handlers that the template names: Lambda imports them only at the first call."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def faults(template: Mapping[str, Any], root: Path) -> Iterator[str]:
    """Yield every function of a SAM template in *root* whose code or handler is missing."""
    shared = template.get("Globals", {}).get("Function", {})
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield from (f"{logical_id}: {fault}" for fault in _of({**shared, **resource.get("Properties", {})}, root))


def _of(properties: Mapping[str, Any], root: Path) -> Iterator[str]:
    folder, handler = properties.get("CodeUri"), str(properties.get("Handler"))
    if not isinstance(folder, str) or not (root / folder).is_dir():
        yield f"CodeUri {folder} is not a folder"
        return
    module, _, function = handler.rpartition(".")
    if not (root / folder / (module.replace(".", "/") + ".py")).is_file():
        yield f"Handler {handler}: there is no {module}.py in {folder}"
    else:
        yield from _imported(module, function, root / folder)


def _imported(module: str, function: str, folder: Path) -> Iterator[str]:
    """Import as Lambda does, but without its variables: an import must not read them."""
    sys.path.insert(0, str(folder))
    try:
        handler = getattr(importlib.import_module(module), function, None)
    except Exception as failed:  # noqa: BLE001 - whatever an import raises is the finding
        yield f"Handler {module}.{function}: importing {module} raises {type(failed).__name__}: {failed}"
    else:
        if not callable(handler):
            yield f"Handler {module}.{function}: {module}.py has no function {function}"
    finally:
        sys.path.remove(str(folder))
