"""The estate as `certmandate status` shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.certificate_state import CertificateState, finding_line, finding_urgency, open_findings
from certmandate.views import printing
from certmandate.views.json_records import certificate_document, finding_document
from renewal.domain.certificate.serial import printed_serial

if TYPE_CHECKING:
    from certmandate.files.estate import Retired
    from renewal.domain.errors import RecordUnreadable
    from renewal.domain.order import Replacement
    from renewal.domain.setup.inspection import DelegationRecord

_PASSWORD_SOON = 30  # days; a password that expires later is not mentioned


@dataclass(frozen=True)
class Estate:
    """Everything that `status` shows."""

    delegations: Mapping[str, DelegationRecord]
    states: list[CertificateState]
    """Most urgent first."""
    replacements: tuple[Replacement, ...]
    retired: tuple[Retired, ...]
    """Retired delegations of which a certificate is still valid."""
    unreadable: tuple[RecordUnreadable, ...]
    """The items that cannot be read, and are therefore not above."""
    unfinished_apply: datetime | None
    runs: list[dict[str, Any]]
    """The last executions, newest first."""
    at: datetime

    def only(self, states: Collection[str]) -> Estate:
        """Return the estate with the certificates in *states*, or with all when there are none."""
        return replace(self, states=[each for each in self.states if not states or each.state.label in states])

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or a RAO must act."""
        records = self.delegations.values()
        has_error = any(finding.severity == "error" for record in records for finding in open_findings(record))
        is_damaged = bool(self.unreadable) or self.unfinished_apply is not None
        return has_error or is_damaged or any(state.needs_attention for state in self.states)


def page(estate: Estate) -> list[RenderableType]:
    """Return the page: the certificates, findings, notes, the last runs, a sentence for all."""
    parts: list[RenderableType] = []
    if estate.unfinished_apply:
        started = printing.minute(estate.unfinished_apply)
        parts.append(Text(f"The apply of {started} was interrupted: apply its files again.", style="bold red"))
    columns = ["certificate", "state", "expires", "days#", "what happens next"]
    parts.append(printing.table(columns, map(_row, estate.states)))
    parts += printing.bullets("Cannot be read, so nothing is ordered for it", map(str, estate.unreadable))
    parts += printing.bullets("Findings, errors first", _finding_lines(estate))
    parts += printing.bullets("Notes", _notes(estate))
    parts += printing.bullets("Last runs", map(_run_line, estate.runs))
    return [*parts, Text(), _summary(estate)]


def _row(state: CertificateState) -> printing.Row:
    served = state.certificate.served
    return (
        state.path,
        printing.state_text(state.state),
        printing.day(served.not_after) if served else "never stored",
        "" if state.days_left is None else str(state.days_left),
        state.next_step(),
    )


def _finding_lines(estate: Estate) -> Iterator[str]:
    found = [(name, finding) for name, record in estate.delegations.items() for finding in open_findings(record)]
    for name, finding in sorted(found, key=lambda pair: finding_urgency(pair[1])):
        yield f"{finding.severity}: {finding_line(name, finding)}"


def _notes(estate: Estate) -> Iterator[str]:
    for name, record in estate.delegations.items():
        if record.inspection is None:
            yield f"{name} has not been inspected: `certmandate check {name}`"
        elif expires := record.inspection.password_expires:
            days = (expires - estate.at.date()).days
            if days <= _PASSWORD_SOON:
                yield f"{name}: its password {'expired' if days < 0 else 'expires'} on {expires} ({days} days)"
    for rule in estate.replacements:
        issuer = rule.issuer or "any issuer"
        yield (
            f"a replacement rule covers certificates of {issuer} from before {printing.minute(rule.issued_before)}: "
            f"{rule.reason}"
        )
    for retired in estate.retired:
        yield f"{retired.delegation} is retired; its last certificate expires on {printing.day(retired.valid_until)}"


def _run_line(run: dict[str, Any]) -> str:
    return f"{run['run_id']}: {run['status']}, started {printing.minute(run['started_at'])}"


def _summary(estate: Estate) -> Text:
    total = printing.counted(len(estate.states), "certificate")
    where = f"{total} of {printing.counted(len(estate.delegations), 'delegation')}"
    if not estate.needs_attention:
        return Text(f"{where}: nothing needs attention.", style="bold green")
    urgent = sum(state.needs_attention for state in estate.states)
    what = f"{printing.counted(urgent, 'needs', 'need')} attention" if urgent else "see the errors above"
    return Text(f"{where}: {what}.", style="bold red")


CSV_COLUMNS = (
    "delegation", "name", "state", "needs_person", "days_left", "not_after", "renew_at", "causes", "next",
    "last_error", "failures", "ssl_id", "serial", "names", "issuer", "stores",
)  # fmt: skip


def csv_rows(estate: Estate) -> Iterator[dict[str, object]]:
    """Yield each certificate as JSON has it, and of what is served the members that a list needs."""
    for state in estate.states:
        served, names = state.certificate.served, " ".join(state.certificate.spec.names)
        row = {**dict.fromkeys(CSV_COLUMNS), **certificate_document(state), "names": names}
        if served:
            row |= {"ssl_id": served.ssl_id or None, "serial": printed_serial(served.serial), "issuer": served.issuer}
            row |= {"stores": " ".join(served.stores)}
        yield row | {"causes": " ".join(state.decision.causes)}


def document(estate: Estate) -> dict[str, Any]:
    """Return the estate as JSON has it."""
    return {
        "at": estate.at,
        "needs_person": estate.needs_attention,
        "certificates": [certificate_document(state) for state in estate.states],
        "delegations": [_delegation_document(name, record) for name, record in estate.delegations.items()],
        "replacements": [
            {"issuer": rule.issuer, "issued_before": rule.issued_before, "reason": rule.reason}
            for rule in estate.replacements
        ],
        "retired": [
            {"delegation": retired.delegation, "valid_until": retired.valid_until} for retired in estate.retired
        ],
        "unreadable": [
            {"delegation": error.delegation, "certificate": error.certificate, "text": str(error)}
            for error in estate.unreadable
        ],
        "unfinished_apply": estate.unfinished_apply,
        "runs": estate.runs,
    }


def _delegation_document(name: str, record: DelegationRecord) -> dict[str, Any]:
    return {
        "delegation": name,
        "organisation": record.delegation.organisation,
        "mandate_ends": record.delegation.mandate_ends,
        "inspected_at": record.inspection.at if record.inspection else None,
        "password_expires": record.inspection.password_expires if record.inspection else None,
        "findings": [finding_document(finding, name) for finding in open_findings(record)],
    }
