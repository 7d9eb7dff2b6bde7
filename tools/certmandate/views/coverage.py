"""By which delegated entry each name is ordered, and until when its validations hold, as the last inspection saw it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from certmandate.views import printing
from renewal.domain.order import ManagedCertificate
from renewal.domain.setup.check_result import CheckStatus, SetupStep
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName, entry_for

COLUMNS = ("name", "delegated by", "domain validation (DCV)", "until")
_DCV = {"VALIDATED": "validated", "NOTVALIDATED": "MISSING", "EXPIRED": "EXPIRED", "": "not asked for"}


@dataclass(frozen=True, slots=True)
class Coverage:
    """One name with the entry that permits it; None: no entry does."""

    name: str
    entry: DelegatedName | None

    def row(self) -> printing.Row:
        """As a line of a table."""
        if self.entry is None:
            return self.name, "NOT DELEGATED", "", ""
        state = "" if self.entry.active else " (not active)"
        return self.name, f"{self.entry.entry}{state}", self._dcv(self.entry), str(self.entry.dcv_expires or "")

    @staticmethod
    def _dcv(entry: DelegatedName) -> str:
        return _DCV.get(entry.dcv_status, entry.dcv_status.lower())

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        entry = self.entry
        return {
            "name": self.name,
            "entry": entry.entry if entry else None,
            "active": entry.active if entry else None,
            "dcv_status": entry.dcv_status or None if entry else None,
            "dcv_expires": entry.dcv_expires if entry else None,
        }


def coverage(record: DelegationRecord, certificates: Iterable[ManagedCertificate]) -> tuple[Coverage, ...]:
    """Return every name of *certificates*, the mandate's own as long as there are none; () when SCM did not show it."""
    inspection = record.inspection
    if inspection is None or not _was_seen(inspection):
        return ()
    wanted = dict.fromkeys(name for one in certificates for name in one.spec.names)
    names = tuple(wanted) or record.delegation.delegated_names
    return tuple(Coverage(name, entry_for(inspection.delegated, name)) for name in names)


def _was_seen(inspection: Inspection) -> bool:
    blind = {CheckStatus.MANUAL, CheckStatus.SUSPECTED}
    return any(one.step is SetupStep.DOMAINS and one.verdict not in blind for one in inspection.remarks)


def organisation_line(until: date | None) -> str:
    """Return what is known of the organisation's own validation."""
    return (
        f"organisation validation (OV): {f'valid until {until}' if until else 'SCM shows no day until which it holds'}"
    )
