"""What DNS answers the functions: TXT records, which may be late or not be answered at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class DnsState(StrEnum):
    """What the resolver answers."""

    CURRENT = "what is published"
    STALE = "what was published before the last change"
    SILENT = "nothing"


@dataclass(slots=True)
class Dns:
    """The records of a history."""

    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """TXT records by name."""
    state: DnsState = DnsState.CURRENT
    _before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def publish(self, name: str, *texts: str) -> None:
        """Publish *texts* at *name* in place of what is there; without any, nothing is there any more."""
        self._before = self.published
        self.published = {**self.published, name: texts}

    def __call__(self, name: str, _deadline: Any) -> tuple[str, ...] | None:
        """Answer a query as `renewal.ports.environment.TxtRecords` does."""
        if self.state is DnsState.SILENT:
            return None
        return (self.published if self.state is DnsState.CURRENT else self._before).get(name, ())
