"""A delegation's credential, as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credential:
    """One stored version of a delegation's credential."""

    version: str
    members: Mapping[str, str] = field(repr=False)
    """`login`, `password`, …: all stored members, also those that the rotation does not know."""
