"""What one run did: the records of `runs/<run id>/report.json`, and what follows from them.

The names of the members are a contract with operators' scripts. Members are added, never renamed; `schema` counts up
when the meaning of one changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, Self

from renewal import records
from renewal.domain.errors import ANSWERED_BY_SCM, CREDENTIAL_ERRORS, Actor
from renewal.domain.judgement.problem import Problem
from renewal.domain.judgement.replacement_progress import ReplacementProgress
from renewal.domain.setup.finding import Finding, Severity

SCHEMA = 2
"""2: delegations and certificates of which nothing is to be reported have no row."""


class RunOutcome(StrEnum):
    """Whether a run needs attention."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REPORTED_BEFORE = "reported-before"
    """An hourly run: what needs attention has failed another run within the last day."""


class Outcome(StrEnum):
    """What became of one certificate in one run."""

    RENEWED = "renewed"
    PENDING = "pending"
    """SCM has not issued it yet; the next run collects it."""
    FAILED = "failed"
    HELD = "held"
    """Due, but not ordered before the hold after a failed order ends."""
    DEFERRED = "deferred"
    """Due, but over a limit of the run."""
    PLANNED = "planned"
    """Due in a dry run."""
    NOT_DUE = "not-due"


class DelegationOutcome(StrEnum):
    """What became of one delegation in one run."""

    INSPECTED = "inspected"
    FAILED = "failed"
    REMOVED = "removed"
    """Removed from the order book during the run."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """An open finding of a delegation (`renewal.domain.setup.finding`)."""

    code: str
    severity: Severity
    actor: Actor
    certificate: str = ""
    text: str = ""
    due: date | None = None
    screen: str = ""
    is_security: bool = field(default=False, metadata={"stored": "security"})

    @classmethod
    def of(cls, finding: Finding, severity: Severity) -> Self:
        """The row of a finding; *severity*: at the time of the report."""
        return cls(
            code=finding.code,
            severity=severity,
            actor=finding.actor,
            certificate=finding.certificate,
            text=finding.text,
            due=finding.due,
            screen=finding.screen,
            is_security=finding.is_security,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRow:
    """One delegation of the run."""

    delegation: str
    organisation: str = ""
    rao_email: str = ""
    outcome: DelegationOutcome
    error: str = ""
    """Name of the error that stopped the whole delegation; empty when it was inspected."""
    text: str = ""
    findings: tuple[FindingRow, ...] = ()
    password_expires: date | None = None
    address: str = ""
    """The address that the delegation's file names."""
    observed_address: str = field(default="", metadata={"stored": "seen_address"})
    """The address from which this run reached the internet; empty when not known."""

    @property
    def has_content(self) -> bool:
        """Whether the row reports anything besides a successful inspection."""
        return bool(self.error or self.text or self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """One certificate of the run."""

    delegation: str
    name: str
    names: tuple[str, ...] = ()
    outcome: Outcome
    reason: str = ""
    """Why it was due, or from when it will be."""
    ordered_at: datetime | None = None
    """When the order that is open now was opened."""
    ssl_id: int | None = None
    old_serial: str = ""
    new_serial: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    key: str = ""
    stores: tuple[str, ...] = ()
    arns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Region to ARN."""
    error: str = ""
    text: str = ""
    notes: tuple[str, ...] = field(default=(), metadata={"stored": "remarks"})
    would: str = ""
    """Dry run: what a run would do."""
    renew_at: datetime | None = None
    service: str = ""
    """Whether clients meet it (`renewal.domain.endpoint.observation.ServiceState`)."""
    hours_to_served: float | None = None
    """From `issued_at` to the first time that every endpoint served it; None when unknown."""
    state: str = ""
    """Its state after the run (`CertificateState.label`); empty: its record is unreadable."""
    severity: Literal["", "info", "warning", "error"] = ""
    """Of its problem; empty when it has none."""

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or the RAO must act."""
        return self.severity == "error"

    @property
    def path(self) -> str:
        """`delegation/certificate`."""
        return f"{self.delegation}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A replacement rule that was not applied."""

    error: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run."""

    schema: int = SCHEMA
    run_id: str
    started_at: datetime
    finished_at: datetime
    outcome: RunOutcome
    reason: str = ""
    """Why the run was started, in the operator's words; empty for the daily run."""
    dry_run: bool = False
    is_daily: bool = False
    """Whether the run covered all delegations and could order."""
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The rows in `certificates` by outcome; outcomes that did not occur are left out."""
    common_cause: str = ""
    """One cause for the refusal of every account; empty when there is none."""
    delegations: tuple[DelegationRow, ...] = ()
    """Those with something to report; of a run that was narrowed by name, all that it was asked for."""
    quiet_delegations: tuple[str, ...] = ()
    """The others, which the run inspected: nothing was due, and nothing is wrong."""
    certificates: tuple[CertificateRow, ...] = ()
    """Those that were due or worked on, have declared endpoints, or have a problem; of a narrowed run, all."""
    first_expiry: datetime | None = None
    """When the first certificate of all that the run covered expires."""
    first_password_expiry: date | None = None
    not_verified: str = ""
    """Why the declared endpoints, or those of some certificates, were not verified; empty when they were."""
    late: int = 0
    """Certificates whose endpoints were not verified because the time was over; they are the first of the next run."""
    rules: tuple[RuleRow, ...] = ()
    """The replacement rules that were not applied, because they cannot be read."""
    replacements: tuple[ReplacementProgress, ...] = ()
    """The work for each replacement rule, when the run began."""
    problems: tuple[Problem, ...] = ()
    """All that is open after the run, most urgent first: what `status` shows at that time."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON: an unknown time or date is empty text, an unknown `ssl_id` is null."""
        document: dict[str, Any] = _with_blanks(records.to_json(self))
        return document

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Read `report.json` of this version, or of another one as far as known. Raises records.Unreadable."""
        return records.read(cls, _without_blanks(document))

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or a RAO must act."""
        return self.outcome is not RunOutcome.SUCCEEDED

    @property
    def failures(self) -> frozenset[str]:
        """What needs attention, as `path: code`; a replacement rule has no path."""
        return frozenset(problem.key for problem in self.problems if problem.needs_attention)

    @property
    def resolved(self) -> frozenset[str]:
        """The delegations and certificates that this run has worked on without failure."""
        delegations = {row.delegation for row in self.delegations if row.outcome is DelegationOutcome.INSPECTED}
        done = {Outcome.RENEWED, Outcome.PENDING}
        return frozenset(delegations | {row.path for row in self.certificates if row.outcome in done})

    @property
    def covered_delegations(self) -> tuple[str, ...]:
        """The delegations of the run, by name, without those that were retired during it."""
        kept = (row.delegation for row in self.delegations if row.outcome is not DelegationOutcome.REMOVED)
        return tuple(sorted((*kept, *self.quiet_delegations)))


def common_cause(delegations: Iterable[DelegationRow]) -> str:
    """Return the likely cause when SCM refused every account that tried to log in, at least two; empty otherwise.

    All accounts come from the same address: it is likelier to be refused than several passwords at once.
    """
    tried = [row for row in delegations if not row.error or row.error in ANSWERED_BY_SCM]
    refused = [row for row in tried if row.error in CREDENTIAL_ERRORS]
    if len(refused) < 2 or len(refused) < len(tried):
        return ""
    return (
        f"SCM refused all {len(refused)} accounts at once: most likely that is the address we come from, "
        f"not {len(refused)} passwords. Compare it with the /32 in the access lists (runbook: AddressRefused)"
    )


def _with_blanks(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_blanks(element) for element in value]
    if isinstance(value, dict):
        return {name: "" if part is None and name != "ssl_id" else _with_blanks(part) for name, part in value.items()}
    return value


def _without_blanks(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_blanks(element) for element in value]
    if isinstance(value, Mapping):
        return {name: _without_blanks(part) for name, part in value.items() if part != ""}
    return value
