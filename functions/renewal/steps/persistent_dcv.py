"""Reads the DNS records of domains that are validated persistently: optional, and in a few seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from renewal.deadline import Deadline
from renewal.domain.setup.persistent_dcv import PersistentRecord, places, record_in
from renewal.domain.setup.snapshot import DelegatedName, Snapshot

TxtRecords = Callable[[str, Deadline], tuple[str, ...] | None]
"""Returns the TXT records at a DNS name, () when it has none; None when not known before the deadline; never raises."""
LONGEST_SECONDS = 6.0
"""For all queries of an inspection: nothing depends on them but findings and a renewal's day."""


@dataclass(frozen=True, slots=True)
class PersistentRecords:
    """Completes domain entries with their records. What DNS does not answer in time stays as it was known *before*."""

    txt_records: TxtRecords
    deadline: Deadline
    before: Iterable[DelegatedName] = ()
    _answers: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def added_to(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        """Return *snapshot* with the record of each entry that may be validated persistently."""
        known = {entry.entry: entry.persistent for entry in self.before}
        delegated = tuple(
            replace(entry, persistent=self._record(entry.entry) or known.get(entry.entry))
            if entry.may_be_persistent(now)
            else entry
            for entry in snapshot.delegated
        )
        return replace(snapshot, domains=replace(snapshot.domains, delegated=delegated))

    def _record(self, entry: str) -> PersistentRecord | None:
        texts: list[str] = []
        for place in places(entry):
            answer = self._answer(place)
            if answer is None:
                return None
            texts += answer
            if not record_in(texts).fault:
                break
        return record_in(texts)

    def _answer(self, place: str) -> tuple[str, ...] | None:
        """Ask once: most entries of a delegation have the names above them in common."""
        if place not in self._answers:
            self._answers[place] = self.txt_records(place, self.deadline) if self.deadline.seconds() else None
        return self._answers[place]
