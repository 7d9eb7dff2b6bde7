"""The page about one run: what happened to every certificate, who must do what, and where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

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
    """Return the page, for a console of any width: certificates, incidents, findings, remarks, the verdict last."""
    incidents = incidents_of(report)
    parts: list[RenderableType] = [_certificates(report)]
    if incidents:
        parts += [_heading("Who must do what, most urgent first")]
        parts += [_incident(number, one, report) for number, one in enumerate(incidents, 1)]
    parts += _listed("To know", _remarks(report))
    parts += _listed("Not urgent, but not right", _findings(report, incidents))
    parts += [Text(), verdict(report)]
    return Group(*parts)


def verdict(report: RunReport) -> Text:
    """Return the run in one sentence."""
    counts = report.counts
    told = ", ".join(f"{counts[name]} {name.replace('-', ' ')}" for name in _ORDER if counts.get(name))
    incidents = incidents_of(report)
    if not incidents:
        words = "A dry run; nothing was ordered" if report.dry_run else "All went well"
        return Text(f"{words}: {told or 'nothing to do'}.", style="bold green")
    causes = "One thing needs" if len(incidents) == 1 else f"{len(incidents)} things need"
    return Text(f"{causes} somebody: {told}.", style="bold red")


def print_page(console: Console, report: RunReport) -> None:
    """Print the page; plain text without trailing blanks when *console* is no terminal."""
    if console.is_terminal:
        console.print(page(report))
        return
    with console.capture() as captured:
        console.print(page(report))
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.print(Text("\n".join(lines)), soft_wrap=True)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _certificates(report: RunReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False)
    columns = (
        "certificate",
        "outcome",
        "why",
        "SSL ID",
        "expires",
        "days",
        *(["a run would"] if report.dry_run else []),
    )
    for name in columns:
        table.add_column(name, justify="right" if name in {"SSL ID", "days"} else "left", overflow="fold")
    table.columns[0].no_wrap = True
    for row in sorted(report.certificates, key=lambda row: _urgency(row, report)):
        style = _COLOURS.get(row.outcome, "")
        left = days_left(row, report)
        table.add_row(
            Text(row.path),
            Text(row.outcome.replace("-", " "), style=style),
            Text(row.error or row.reason),
            str(row.ssl_id or ""),
            f"{row.not_after:%Y-%m-%d}" if row.not_after else "never issued",
            "" if left is None else str(left),
            *([Text(row.would)] if report.dry_run else []),
        )
    return table


def _urgency(row: CertificateRow, report: RunReport) -> tuple[int, bool, int, str]:
    """What needs somebody first, then nearest expiry."""
    left = days_left(row, report)
    return _ORDER.index(row.outcome), left is None, left or 0, row.path


def _incident(number: int, incident: Incident, report: RunReport) -> RenderableType:
    today = report.finished_at.date()
    head = Text(f"\n{number}. {incident.title}", style="bold").append(f"  {_deadline(incident, report)}", style="red")
    facts = Table(box=None, show_header=False, pad_edge=False, highlight=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(incident, today):
        facts.add_row(name, Text(value))
    return Group(head, Padding(facts, (0, 0, 0, 3)))


def _facts(incident: Incident, today: date) -> Iterator[tuple[str, str]]:
    advice = incident.advice
    yield "What", f"{advice.what}."
    yield "Said", incident.text or "nothing"
    if known := incident.known(today):
        yield "Known", known
    rao = f"the RAO of {incident.organisation}" + (f", {incident.rao_email}" if incident.rao_email else "")
    yield "Who", rao if advice.who == "RAO" else "you, the operator"
    yield "Do", f"{advice.do}."
    if place := incident.where:
        order = f", SSL ID {incident.ssl_id}" if incident.ssl_id and "SSL Certificates" in place else ""
        yield "Where", place + order
    yield "Then", f"{incident.then()}."
    if incident.title not in incident.paths:
        yield "Stops", ", ".join(incident.paths) or "nothing that is due today"
    yield "Read", f"docs/runbook.md, {incident.error}"


def _deadline(incident: Incident, report: RunReport) -> str:
    if incident.expires is None:
        return "nothing is in use yet" if incident.paths else "nothing is due yet"
    span = incident.expires - report.finished_at
    left = whole_days(span)
    if span < timedelta(0):
        return f"EXPIRED, since {incident.expires:%Y-%m-%d %H:%M} UTC"
    return f"{left} day{'' if left == 1 else 's'} left, until {incident.expires:%Y-%m-%d %H:%M} UTC"


def _remarks(report: RunReport) -> Iterator[str]:
    for delegation in report.delegations:
        if delegation.outcome is DelegationOutcome.REMOVED:
            yield f"{delegation.delegation}: {delegation.text}."
    for row in report.certificates:
        for remark in row.remarks:
            yield f"{row.path}: {remark}."


def _findings(report: RunReport, incidents: list[Incident]) -> Iterator[str]:
    """Findings that are not what an incident says already."""
    for delegation in report.delegations:
        name = delegation.delegation
        for finding in delegation.findings:
            if not any(incident.tells(name, finding) for incident in incidents):
                subject = "/".join(part for part in (name, finding.certificate) if part)
                who = "the RAO" if finding.actor == "rao" else "the operator"
                kind = f"security, {finding.code}" if finding.security else finding.code
                yield f"{subject}: {finding.text} ({kind}, for {who})."


def _listed(title: str, lines: Iterator[str]) -> list[RenderableType]:
    texts: list[RenderableType] = [Padding(Text(f"- {line}"), (0, 0, 0, 2)) for line in lines]
    return [_heading(title), *texts] if texts else []
