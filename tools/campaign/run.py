"""One execution of the state machine, as the campaign has it when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renewal.domain.run.report import RunReport


@dataclass(frozen=True, slots=True)
class Run:
    """How it ended, and what it published."""

    run_id: str
    status: str
    error: str
    metrics: Mapping[str, float]
    """Those it published; empty without any."""
    document: Mapping[str, Any] | None
    """Its report.json, None when there is none."""
    ended_at: datetime
    is_narrowed: bool = False
    """Whether it was started for certificates or delegations by name."""

    @property
    def report(self) -> RunReport | None:
        """Its report."""
        return None if self.document is None else RunReport.parse(self.document)

    @property
    def certificate_errors(self) -> list[str]:
        """The error of each certificate in the report, "" for none; empty without a report."""
        return [row.error for row in self.report.certificates] if self.report else []
