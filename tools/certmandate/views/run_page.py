"""The page of one run: the outcome of every certificate, and who must do what, where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from rich.console import Console, Group, RenderableType
from rich.text import Text

from certmandate.views import printing
from certmandate.views.incident import Incident, days_left, incidents_of, whole_days
from renewal.domain.run_report import CertificateRow, DelegationOutcome, Outcome, RunReport

_ORDER = (
    Outcome.FAILED,
    Outcome.HELD,
    Outcome.PENDING,
    Outcome.DEFERRED,
    Outcome.RENEWED,
    Outcome.PLANNED,
    Outcome.NOT_DUE,
)
_COLOURS = {
    Outcome.FAILED: "bold red",
    Outcome.HELD: "bold red",
    Outcome.PENDING: "yellow",
    Outcome.DEFERRED: "yellow",
    Outcome.RENEWED: "green",
}


def page(report: RunReport) -> RenderableType:
    """Return the page: certificates, incidents, notes, warnings, and a sentence about the run."""
    incidents = incidents_of(report)
    parts: list[RenderableType] = [_certificates(report)]
    if incidents:
        parts += [printing.heading("Who must do what, most urgent first")]
        parts += [_incident(number, incident, report) for number, incident in enumerate(incidents, 1)]
    parts += printing.bullets("Notes", _notes(report))
    parts += printing.bullets("Warnings", _findings(report, incidents))
    parts += [Text(), summary(report)]
    return Group(*parts)


def summary(report: RunReport) -> Text:
    """Return the run in one sentence."""
    outcomes = [f"{report.counts[name]} {name.replace('-', ' ')}" for name in _ORDER if report.counts.get(name)]
    text = ", ".join(outcomes) or "nothing to do"
    incidents = incidents_of(report)
    if not incidents:
        result = "Dry run, nothing was ordered" if report.dry_run else "Success"
        return Text(f"{result}: {text}.", style="bold green")
    attention = printing.counted(len(incidents), "incident needs", "incidents need")
    return Text(f"{attention} attention: {text}.", style="bold red")


def print_page(console: Console, report: RunReport) -> None:
    """Print the page."""
    printing.show(console, page(report))


def _certificates(report: RunReport) -> RenderableType:
    columns = ["certificate", "outcome", "cause", "SSL ID#", "expires", "days#"]
    rows = sorted(report.certificates, key=lambda row: _urgency(row, report))
    return printing.table(
        columns + (["a run would"] if report.dry_run else []),
        (_row(row, report) + ((row.would,) if report.dry_run else ()) for row in rows),
    )


def _row(row: CertificateRow, report: RunReport) -> tuple[str | Text, ...]:
    left = days_left(row, report)
    return (
        row.path,
        Text(row.outcome.replace("-", " "), style=_COLOURS.get(row.outcome, "")),
        row.error or row.reason,
        str(row.ssl_id or ""),
        printing.day(row.not_after) or "never issued",
        "" if left is None else str(left),
    )


def _urgency(row: CertificateRow, report: RunReport) -> tuple[int, bool, int, str]:
    """Sort key: what needs attention first, then the nearest expiry."""
    left = days_left(row, report)
    return _ORDER.index(row.outcome), left is None, left or 0, row.path


def _incident(number: int, incident: Incident, report: RunReport) -> RenderableType:
    title = Text(f"\n{number}. {incident.title}", style="bold")
    title.append(f"  {_deadline(incident, report)}", style="red")
    return Group(title, printing.facts(_facts(incident, report.finished_at.date()), indent=3))


def _facts(incident: Incident, today: date) -> Iterator[tuple[str, str]]:
    advice = incident.advice
    yield "What", f"{advice.what}."
    yield "Error", incident.text or "no text"
    yield "Known", incident.known(today)
    rao = f"the RAO of {incident.organisation}" + (f", {incident.rao_email}" if incident.rao_email else "")
    yield "Who", rao if incident.is_for_rao else "you, the operator"
    yield "Do", f"{advice.do}."
    if place := incident.where:
        order = f", SSL ID {incident.ssl_id}" if incident.ssl_id and "SSL Certificates" in place else ""
        yield "Where", place + order
    yield "Then", f"{incident.then()}."
    if incident.title not in incident.paths:
        yield "Stops", ", ".join(incident.paths) or "no certificate that is due today"
    yield "Read", f"docs/runbook.md, {incident.error}"


def _deadline(incident: Incident, report: RunReport) -> str:
    if incident.expires is None:
        return "no certificate in use yet" if incident.paths else "no certificate due yet"
    span = incident.expires - report.finished_at
    if span < timedelta(0):
        return f"EXPIRED since {printing.minute(incident.expires)}"
    return f"{printing.counted(whole_days(span), 'day')} left, until {printing.minute(incident.expires)}"


def _notes(report: RunReport) -> Iterator[str]:
    for delegation in report.delegations:
        if delegation.outcome is DelegationOutcome.REMOVED:
            yield f"{delegation.delegation}: {delegation.text}."
    for row in report.certificates:
        for note in row.remarks:
            yield f"{row.path}: {note}."


def _findings(report: RunReport, incidents: list[Incident]) -> Iterator[str]:
    """The findings that no incident covers."""
    for delegation in report.delegations:
        name = delegation.delegation
        for finding in delegation.findings:
            if not any(incident.covers(name, finding) for incident in incidents):
                subject = "/".join(part for part in (name, finding.certificate) if part)
                who = "the RAO" if finding.actor == "rao" else "the operator"
                kind = f"security, {finding.code}" if finding.security else finding.code
                yield f"{subject}: {finding.text} ({kind}, for {who})."
