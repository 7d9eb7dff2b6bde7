"""The orders table put back to what it was before a write of a run: no second order, and the estate comes to rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from campaign.harness import Harness
from campaign.histories.backup import Backup, taken
from campaign.histories.history import History, Violated
from campaign.interception.calls import Call
from campaign.runner import play_all

WRITES = {"TransactWriteItems", "UpdateItem"}
DAYS_BETWEEN = 150
"""From the first order to the renewal."""


@dataclass
class BackupOfEachWrite:
    """Copies the table before each write of a run."""

    harness: Harness
    run_id: str = ""
    taken: list[Backup] = field(default_factory=list)

    def is_due(self, call: Call) -> bool:
        """Return whether the call changes the table."""
        return call.boundary.operation in WRITES

    def apply(self, call: Call) -> Any:
        """Copy, and let the call take effect."""
        self.taken.append(taken(self.harness))
        return call.answers.effect()


@dataclass(frozen=True, slots=True)
class Restored:
    """A history after which the table is put back to the backup *number*."""

    history: History
    backup: Backup
    number: int

    def __repr__(self) -> str:
        return f"restored to write {self.number}"

    def play(self, _harness: Harness) -> str:
        """Return what is violated."""
        self.history.backup = self.backup
        try:
            self.history.step("restore")
            self.history.step("run")
            if self.history.harness.played.runs[-1].status == "FAILED":
                self.history.step("follow_runbook")
            self.history.finish()
        except Violated as violated:
            return f"{self!r}: {violated}"
        return ""

    def failed(self, text: str) -> str:
        """Return the error of the harness."""
        return f"{self!r}: {text}"


def explore(harness: Harness, every: int = 1, *, jobs: int, seed: int) -> Iterator[str]:
    """Put the table back to before each *every*th write of a first order and of a renewal; yield what is violated."""
    history, backups = History(harness), BackupOfEachWrite(harness)
    harness.run_with(backups)
    history.step("days", count=DAYS_BETWEEN)
    harness.run_with(backups)
    cases = [Restored(history, backup, number) for number, backup in list(enumerate(backups.taken))[::every]]
    return play_all(harness, cases, jobs=jobs, seed=seed)
