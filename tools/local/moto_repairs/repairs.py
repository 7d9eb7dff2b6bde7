"""What every repair of moto needs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from local.moto_repairs.strict_acm import StrictAcm

Invoke = Callable[[Any, str], tuple[bytes, bool]]
"""Takes moto's function and an event; returns the payload, and whether the function failed."""


Replacements = Iterator[AbstractContextManager[Any]]
"""What a repair puts in place of moto's own; each is undone when its context ends."""


@dataclass(frozen=True)
class Repairs:
    """Members of the local AWS that the repairs use."""

    wait_factor: float
    new_client: Callable[[str, str], Any]
    """Returns the interpreter's client of a (service, region)."""
    invoke: Invoke
    acm: StrictAcm


def interpreter(name: str) -> Any:
    """Return a module of moto's interpreter of state machines."""
    return importlib.import_module(f"moto.stepfunctions.parser.asl.{name}")
