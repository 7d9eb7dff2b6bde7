"""The page of one run: the outcome of every certificate, and who must do what, where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from rich.console import Console, Group, RenderableType
from rich.text import Text

from certmandate.views import printing
from certmandate.views.advice import APPLY
from certmandate.views.incident import Incident, Task, incidents_of
from certmandate.views.problems import problem_lines
from certmandate.views.replacement.progress import lines as replacement_lines
from renewal.domain.endpoint.observation import ServiceState
from renewal.domain.judgement.certificate import whole_days
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.run.report import CertificateRow, DelegationOutcome, Outcome, RunReport
from renewal.mail.language import plain

_ORDER = (
    Outcome.FAILED,
    Outcome.HELD,
    Outcome.PENDING,
    Outcome.DEFERRED,
    Outcome.RENEWED,
    Outcome.PLANNED,
    Outcome.NOT_DUE,
)
_STATES = tuple(state.label for state in CertificateState)
_COLOURS = {
    Outcome.FAILED: "bold red",
    Outcome.HELD: "bold red",
    Outcome.PENDING: "yellow",
    Outcome.DEFERRED: "yellow",
    Outcome.RENEWED: "green",
}


def page(report: RunReport) -> RenderableType:
    """Return the page: what each actor does first, details, certificates, notes, what is for later, one sentence."""
    incidents = incidents_of(report)
    parts: list[RenderableType] = [*_to_do(incidents)]
    if incidents:
        parts += [printing.heading("Details, by the numbers above, most urgent first")]
        parts += [_incident(number, incident, report) for number, incident in enumerate(incidents, 1)]
    if report.certificates:
        parts += [*([printing.heading("Certificates")] if incidents else []), _certificates(report)]
    parts += printing.bullets("Replacements, when the run began", replacement_lines(report.replacements))
    parts += printing.bullets("At the declared endpoints", _services(report))
    parts += printing.bullets("Notes", _notes(report))
    parts += printing.bullets("For later", _for_later(report))
    parts += [Text(), summary(report)]
    return Group(*parts)


def _services(report: RunReport) -> Iterator[str]:
    if report.not_verified:
        yield f"not verified: {report.not_verified}"
    if report.late:
        yield f"not verified in time, the next run begins with them: {printing.counted(report.late, 'certificate')}"
    by_service: dict[str, list[str]] = {}
    for row in report.certificates:
        by_service.setdefault(row.service, []).append(row.path)
    for service in (ServiceState.NOT_SERVED, ServiceState.NOT_VERIFIED, ServiceState.PARTLY, ServiceState.SERVED):
        if service in by_service:
            yield f"{service}: {', '.join(sorted(by_service[service]))}"


def summary(report: RunReport) -> Text:
    """Return the run in one sentence."""
    outcomes = [f"{report.counts[name]} {name.replace('-', ' ')}" for name in _ORDER if report.counts.get(name)]
    text = ", ".join(outcomes) or "no certificate was due"
    incidents = incidents_of(report)
    if not incidents and report.needs_attention:
        return Text(f"Not everything was done, see 'For later': {text}.", style="bold red")
    if not incidents:
        result = "Dry run, nothing was ordered" if report.dry_run else "Success"
        return Text(f"{result}: {text}.", style="bold green")
    attention = printing.counted(len(incidents), "incident needs", "incidents need")
    each = f". Certificates: {text}." if outcomes else f": {text}."
    return Text(f"{attention} attention{each}", style="bold red")


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


def _to_do(incidents: Iterable[Incident]) -> Iterator[RenderableType]:
    """By actor, the operator first: each cause with the number of its details, and one command or page of SCM."""
    by_actor: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, incident in enumerate(incidents, 1):
        for task in incident.tasks:
            code = f" ({task.code})" if task.code else ""
            text = f"{incident.title}: {incident.what}{code}\n{_first(task)}"
            by_actor.setdefault((task.actor, _who(task, incident)), []).append((number, text))
    for (_, who), lines in sorted(by_actor.items()):
        yield from printing.numbered(f"To do: {who}", lines)


def _first(task: Task) -> str:
    """The remedy; a file that was not accepted is changed before it is applied."""
    is_changed = task.advice.then == APPLY and task.remedy.startswith("`certmandate apply")
    return f"change the delegation file, then {task.remedy}" if is_changed else task.remedy


def _row(row: CertificateRow, report: RunReport) -> tuple[str | Text, ...]:
    left = _days_left(row, report)
    return (
        row.path,
        Text(row.outcome.replace("-", " "), style=_COLOURS.get(row.outcome, "")),
        row.error or row.reason,
        str(row.ssl_id or ""),
        printing.day(row.not_after) or "none stored",
        "" if left is None else str(left),
    )


def _urgency(row: CertificateRow, report: RunReport) -> tuple[bool, int, int, bool, int, str]:
    """Sort key: what needs attention first, by state as in `status`; then by outcome, then the nearest expiry."""
    left, state = _days_left(row, report), _STATES.index(row.state) if row.state in _STATES else 0
    return (
        not row.needs_attention,
        state * row.needs_attention,
        _ORDER.index(row.outcome),
        left is None,
        left or 0,
        row.path,
    )


def _days_left(row: CertificateRow, report: RunReport) -> int | None:
    return whole_days(row.not_after - report.finished_at) if row.not_after else None


def _incident(number: int, incident: Incident, report: RunReport) -> RenderableType:
    title = Text(f"\n{number}. {incident.title}", style="bold")
    title.append(f"  {_deadline(incident, report)}", style="red")
    return Group(title, printing.facts(_facts(incident, report), indent=3))


def _facts(incident: Incident, report: RunReport) -> Iterator[tuple[str, str]]:
    today = report.finished_at.date()
    yield "What", f"{incident.what}."
    yield "Error", incident.text or "no text"
    yield "Known", incident.known(today)
    for task in incident.tasks:
        yield from _of_task(task, incident)
    if not (incident.nearest.consequence_on and incident.nearest.consequence_on <= today):  # the title has the past
        yield "Otherwise", incident.nearest.otherwise(today).removeprefix("otherwise ")
    if incident.title not in incident.paths:
        yield "Affects", ", ".join(incident.paths) or "no certificate of this run"
    yield "Read", f"docs/runbook.md, {incident.code}"


def _of_task(task: Task, incident: Incident) -> Iterator[tuple[str, str]]:
    yield "Who", _who(task, incident)
    about = incident.delegation
    address = (about.address or about.observed_address if about else "") or "(RegisteredAddress of the network stack)"
    domains = (problem.about for problem in incident.problems if problem.code == task.code and problem.about)
    values = {
        "address": address,
        "domain": ", ".join(dict.fromkeys(domains)),
        "expired": "",
    }  # "Known" has what expired
    yield "Do", task.advice.do and f"{plain(task.advice.do, values)}."
    if task.remedy.startswith("`"):
        yield "Where", task.advice.elsewhere
    order = f", SSL ID {incident.rows[0].ssl_id}" if len(incident.rows) == 1 and incident.rows[0].ssl_id else ""
    yield _label(task.remedy), task.remedy + (order if "SSL Certificates" in task.remedy else "")
    if then := _then(task, incident):
        yield "Then", f"{then}."


def _label(remedy: str) -> str:
    if remedy.startswith("`"):
        return "Run"
    return "Where" if remedy.startswith(("AWS: ", "SCM: ")) else "Note"


def _then(task: Task, incident: Incident) -> str:
    """How renewal continues; empty when the remedy is all of it."""
    then = task.advice.then.format(certificates=" ".join(incident.paths), code=task.code)
    if task.actor == "operator":
        then = then.replace(APPLY, "the next daily run continues").replace("the operator runs", "run")
    return "" if task.remedy and task.remedy in then else then


def _who(task: Task, incident: Incident) -> str:
    if task.actor == "operator" or incident.delegation is None:
        return "you, the operator"
    address = f", {incident.delegation.rao_email}" if incident.delegation.rao_email else ""
    return f"the RAO of {incident.delegation.organisation}{address}"


def _deadline(incident: Incident, report: RunReport) -> str:
    if incident.expires is None:
        return "no certificate in use yet" if incident.paths else "no certificate of this run"
    span = incident.expires - report.finished_at
    if span < timedelta(0):
        return f"EXPIRED on {printing.minute(incident.expires)}"
    return f"{printing.counted(whole_days(span), 'day')} left, until {printing.minute(incident.expires)}"


def _notes(report: RunReport) -> Iterator[str]:
    for delegation in report.delegations:
        if delegation.outcome is DelegationOutcome.REMOVED:
            yield f"{delegation.delegation}: {delegation.text}."
    for row in report.certificates:
        for note in row.notes:
            yield f"{row.path}: {note}."


def _for_later(report: RunReport) -> Iterator[str]:
    today = report.finished_at.date()
    return problem_lines((problem for problem in report.problems if not problem.needs_attention), today)
