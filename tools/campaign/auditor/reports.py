"""What the auditor reads of a run: its end, its metrics, and the few members of report.json that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class CertificateInReport:
    """A certificate in a report."""

    path: str
    """`delegation/certificate`."""
    outcome: str
    error: str
    stores: tuple[str, ...]
    not_before: str
    not_after: str
    renew_at: str
    """ISO 8601; empty when not known."""

    @property
    def has_failed(self) -> bool:
        """Whether it needs attention."""
        return self.outcome in {"failed", "held"}

    def has_time(self, now: datetime) -> bool:
        """Whether it is served at *now*, with a tenth of its lifetime left."""
        if not self.not_after:
            return False
        begins, ends = map(datetime.fromisoformat, (self.not_before, self.not_after))
        return now < ends - (ends - begins) / 10


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """A report.json."""

    outcome: str
    finished_at: datetime
    certificates: tuple[CertificateInReport, ...]
    delegations: Mapping[str, str]
    """The error of each delegation, "" for none."""
    findings: frozenset[str]
    """The codes of all findings."""
    problems: frozenset[str]
    """`path: code` of all that needs attention."""

    def failures(self) -> Iterator[tuple[str, str]]:
        """(delegation or path, error) of everything that failed."""
        yield from ((name, error) for name, error in self.delegations.items() if error)
        yield from ((row.path, row.error) for row in self.certificates if row.error or row.has_failed)

    def has_time(self, delegation: str) -> bool:
        """Whether each certificate of *delegation* in the report is served, with a tenth of its lifetime left."""
        return all(row.has_time(self.finished_at) for row in self.certificates if row.path.startswith(f"{delegation}/"))


@dataclass(frozen=True, slots=True)
class EndedRun:
    """An execution, when it has ended."""

    run_id: str
    status: str
    error: str
    metrics: Mapping[str, float]
    report: PublishedReport | None
    is_disturbed: bool = False
    """Whether a fault was injected, or the functions' clock was wrong."""
    is_narrowed: bool = False
    """Whether it was started for certificates or delegations by name."""

    @property
    def is_complete(self) -> bool:
        """Whether the function that writes its report came to its end."""
        return self.report is not None and self.metrics.get("RunCompleted") == 1.0


def parsed(document: Mapping[str, Any] | None) -> PublishedReport | None:
    """Read a report.json; None stays None."""
    if document is None:
        return None
    rows = tuple(
        CertificateInReport(
            path=f"{row['delegation']}/{row['name']}",
            outcome=row["outcome"],
            error=row["error"],
            stores=tuple(row["stores"]),
            not_before=row["not_before"],
            not_after=row["not_after"],
            renew_at=row["renew_at"],
        )
        for row in document["certificates"]
    )
    delegations = document["delegations"]
    errors = dict.fromkeys(document["quiet_delegations"], "") | {row["delegation"]: row["error"] for row in delegations}
    codes = frozenset(finding["code"] for row in delegations for finding in row["findings"])
    problems = frozenset(
        f"{'/'.join(filter(None, (each['delegation'], each['certificate'])))}: {each['code']}"
        for each in document["problems"]
        if each["severity"] == "error"
    )
    finished_at = datetime.fromisoformat(document["finished_at"])
    return PublishedReport(document["outcome"], finished_at, rows, errors, codes, problems)
