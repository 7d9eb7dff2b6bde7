"""`certmandate status` and `show`: how the estate, or one certificate, stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from certmandate.certificate_state import Standing, State, finding_line, finding_urgency, open_findings, standing
from certmandate.commands.apply import read_stored
from certmandate.deployment import Deployment, deployed
from certmandate.exit import NEEDS_ATTENTION
from certmandate.options import CertificateArgument, JsonOption, split
from certmandate.views import printing
from certmandate.views.printing import printer

if TYPE_CHECKING:
    from certmandate.estate_changes import Stored
    from renewal.adapters.order_book.estate import Retired
    from renewal.domain.order import FinishedOrder, ManagedCertificate, Replacement
    from renewal.domain.setup.inspection import DelegationRecord

_STYLES = {
    State.EXPIRED: "bold red",
    State.NEAR_EXPIRY: "bold red",
    State.FAILING: "red",
    State.MANDATE_ENDED: "red",
    State.PENDING: "yellow",
}
_LAST_RUNS = 5
_PASSWORD_SOON = 30  # days; every password expires some day


@dataclass(frozen=True)
class Estate:
    """Everything that `status` tells."""

    stored: Stored
    standings: list[Standing]
    """Most urgent first."""
    replacements: tuple[Replacement, ...]
    retired: tuple[Retired, ...]
    """Those of which something is still valid."""
    unfinished_apply: datetime | None
    runs: list[dict[str, Any]]
    """The last executions, newest first."""
    at: datetime

    @property
    def needs_person(self) -> bool:
        """Whether somebody should look at anything."""
        records = self.stored.delegations.values()
        broken = any(finding.severity == "error" for one in records for finding in open_findings(one))
        return broken or self.unfinished_apply is not None or any(one.needs_person for one in self.standings)


def status_command(
    context: typer.Context,
    as_json: JsonOption = False,
) -> None:
    """Show the estate at a glance, what needs a person first. Exits 1 when something does."""
    with deployed(context) as deployment:
        estate = _estate(deployment, datetime.now(UTC))
    if as_json:
        printing.print_json(_estate_document(estate))
    else:
        printing.show(printer(), *_estate_page(estate))
    raise typer.Exit(NEEDS_ATTENTION if estate.needs_person else 0)


def show_command(
    context: typer.Context,
    certificate: CertificateArgument,
    as_json: JsonOption = False,
) -> None:
    """Show one certificate: what is served, the open order, what comes next, findings, and every order so far."""
    delegation, name = split(certificate)
    with deployed(context) as deployment:
        record, one = judged(deployment, delegation, name, datetime.now(UTC))
        history = deployment.book.history(delegation, name)
    if as_json:
        printing.print_json(_certificate_document(record, one, history))
    else:
        printing.show(printer(), *_certificate_page(record, one, history))


def judged(deployment: Deployment, delegation: str, name: str, now: datetime) -> tuple[DelegationRecord, Standing]:
    """Read one certificate with its delegation. Raises UnknownDelegation."""
    record, certificate = deployment.book.delegation(delegation), deployment.book.certificate(delegation, name)
    return record, _judged(record, certificate, now, deployment.book.replacements())


def _judged(
    record: DelegationRecord, certificate: ManagedCertificate, now: datetime, replacements: Iterable[Replacement]
) -> Standing:
    return standing(
        certificate,
        now,
        inspection=record.inspection,
        mandate_ends=record.delegation.mandate_ends,
        replacements=replacements,
    )


def _estate(deployment: Deployment, now: datetime) -> Estate:
    from certmandate.views.json_records import run_document

    stored, replacements = read_stored(deployment), deployment.book.replacements()
    records = stored.delegations
    standings = [_judged(records[one.spec.delegation], one, now, replacements) for one in stored.certificates.values()]
    runs = deployment.client("stepfunctions").list_executions(
        stateMachineArn=deployment.fact("StateMachineArn"), maxResults=_LAST_RUNS
    )
    return Estate(
        stored=stored,
        standings=sorted(standings, key=lambda one: one.urgency),
        replacements=replacements,
        retired=tuple(one for one in deployment.book.retired() if any(c.not_after > now for c in one.certificates)),
        unfinished_apply=deployment.book.unfinished_apply(),
        runs=[run_document(one) for one in runs["executions"]],
        at=now,
    )


# ---- The estate ------------------------------------------------------------------------------------------------------


def _estate_page(estate: Estate) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if estate.unfinished_apply:
        begun = printing.minute(estate.unfinished_apply)
        parts.append(Text(f"An apply of {begun} did not come to its end: apply its files again.", style="bold red"))
    rows = [_row(one) for one in estate.standings]
    parts.append(printing.table(["certificate", "state", "expires", "days#", "what happens next"], rows))
    parts += printing.bullets("Findings, errors first", _finding_lines(estate))
    parts += printing.bullets("To know", _remarks(estate))
    parts += printing.bullets("Last runs", (_run_line(one) for one in estate.runs))
    return [*parts, Text(), _verdict(estate)]


def _row(one: Standing) -> printing.Row:
    served = one.certificate.served
    return (
        one.path,
        Text(one.state.word, style=_STYLES.get(one.state, "")),
        printing.day(served.not_after) if served else "never stored",
        "" if one.days_left is None else str(one.days_left),
        one.next_step(),
    )


def _finding_lines(estate: Estate) -> Iterator[str]:
    found = [(name, one) for name, record in estate.stored.delegations.items() for one in open_findings(record)]
    for name, one in sorted(found, key=lambda pair: finding_urgency(pair[1])):
        yield f"{one.severity}: {finding_line(name, one)}"


def _remarks(estate: Estate) -> Iterator[str]:
    for name, record in estate.stored.delegations.items():
        if record.inspection is None:
            yield f"{name} was never looked at: `certmandate check {name}`"
        elif expires := record.inspection.password_expires:
            days = (expires - estate.at.date()).days
            if days <= _PASSWORD_SOON:
                yield f"{name}: its password {'expired' if days < 0 else 'expires'} on {expires} ({days} days)"
    for replacement in estate.replacements:
        what = f"what {replacement.issuer or 'any issuer'} issued before {printing.minute(replacement.issued_before)}"
        yield f"a standing order replaces {what}: {replacement.reason}"
    for retired in estate.retired:
        last = max(one.not_after for one in retired.certificates)
        yield f"{retired.delegation} is retired; something of it is valid until {printing.day(last)}"


def _run_line(run: dict[str, Any]) -> str:
    return f"{run['run_id']}: {run['status']}, started {printing.minute(run['started_at'])}"


def _verdict(estate: Estate) -> Text:
    total = printing.counted(len(estate.standings), "certificate")
    where = f"{total} of {printing.counted(len(estate.stored.delegations), 'delegation')}"
    if not estate.needs_person:
        return Text(f"{where}: nothing needs a person.", style="bold green")
    urgent = sum(one.needs_person for one in estate.standings)
    what = f"{printing.counted(urgent, 'needs', 'need')} a person" if urgent else "see what is written above"
    return Text(f"{where}: {what}.", style="bold red")


def _estate_document(estate: Estate) -> dict[str, Any]:
    from certmandate.views.json_records import certificate_document, finding_document

    records = estate.stored.delegations
    return {
        "at": estate.at,
        "needs_person": estate.needs_person,
        "certificates": [certificate_document(one) for one in estate.standings],
        "delegations": [
            {
                "delegation": name,
                "organisation": record.delegation.organisation,
                "mandate_ends": record.delegation.mandate_ends,
                "inspected_at": record.inspection.at if record.inspection else None,
                "password_expires": record.inspection.password_expires if record.inspection else None,
                "findings": [finding_document(one, name) for one in open_findings(record)],
            }
            for name, record in records.items()
        ],
        "replacements": [
            {"issuer": one.issuer, "issued_before": one.issued_before, "reason": one.reason}
            for one in estate.replacements
        ],
        "retired": [
            {"delegation": one.delegation, "valid_until": max(each.not_after for each in one.certificates)}
            for one in estate.retired
        ],
        "unfinished_apply": estate.unfinished_apply,
        "runs": estate.runs,
    }


# ---- One certificate -------------------------------------------------------------------------------------------------


def _certificate_page(
    record: DelegationRecord, one: Standing, history: tuple[FinishedOrder, ...]
) -> list[RenderableType]:
    certificate, spec = one.certificate, one.certificate.spec
    state = Text(f"{one.path}  ", style="bold").append(one.state.word, style=_STYLES.get(one.state, "green"))
    wanted = [
        ("organisation", f"{record.delegation.organisation}, department {record.delegation.department_id}"),
        ("names", ", ".join(spec.names)),
        (
            "profile, key",
            f"{spec.profile_id}, {spec.key_type}" + (f", {spec.term_days} days" if spec.term_days else ""),
        ),
        ("stores", ", ".join(spec.stores)),
        ("next", one.next_step()),
        ("asked for", certificate.asked),
        ("last error", certificate.last_error),
    ]
    parts = [state, printing.facts(wanted), *_served_part(one), *_order_part(one)]
    mine = [each for each in open_findings(record) if each.certificate in {"", spec.name}]
    parts += printing.bullets("Findings", (f"{each.severity}: {finding_line(spec.delegation, each)}" for each in mine))
    return [*parts, *_history_part(history)]


def _served_part(one: Standing) -> list[RenderableType]:
    served, spec = one.certificate.served, one.certificate.spec
    if served is None:
        return [printing.heading("Served"), Text("  nothing yet")]
    pairs = [
        ("SSL ID", str(served.ssl_id) if served.ssl_id else "not known (adopted)"),
        ("serial", served.serial),
        (
            "valid",
            f"{printing.minute(served.not_before)} to {printing.minute(served.not_after)}, {one.days_left} days left",
        ),
        ("names", ", ".join(served.names) if set(served.names) != set(spec.names) else ""),
        ("issuer", served.issuer),
        ("stored", f"{printing.minute(served.stored_at)} in {', '.join(served.stores)}"),
        ("ARNs", ", ".join(f"{region}: {arn}" for region, arn in served.arns.items())),
    ]
    return [printing.heading("Served"), printing.facts(pairs)]


def _order_part(one: Standing) -> list[RenderableType]:
    order = one.certificate.order
    if order is None:
        return []
    pairs = [
        ("status", order.status.value),
        ("SSL ID", str(order.ssl_id) if order.ssl_id else "none yet: SCM's answer is not known"),
        ("trouble", order.trouble),
        ("token", f"{order.token} (in the order's comments in SCM)"),
        ("why", printing.why(order.causes, order.reason)),
        ("opened", f"{printing.minute(order.opened_at)} by run {order.run_id}"),
        ("posted", f"{order.posts} time{'s' if order.posts > 1 else ''}, last {printing.minute(order.posted_at)}"),
    ]
    return [printing.heading("Open order"), printing.facts(pairs)]


def _history_part(history: tuple[FinishedOrder, ...]) -> list[RenderableType]:
    if not history:
        return [printing.heading("Orders so far"), Text("  none")]
    rows = [
        (
            printing.minute(row.ended_at),
            row.status,
            printing.why(row.causes, row.reason),
            str(row.ssl_id or ""),
            row.serial or (f"{row.error}: {row.text}" if row.error else ""),
            printing.day(row.not_after),
        )
        for row in reversed(history)
    ]
    columns = ["ended", "outcome", "why", "SSL ID#", "serial, or error", "valid until"]
    return [printing.heading("Orders so far, newest first"), printing.table(columns, rows)]


def _certificate_document(
    record: DelegationRecord, one: Standing, history: tuple[FinishedOrder, ...]
) -> dict[str, Any]:
    from certmandate.views import json_records

    certificate, spec = one.certificate, one.certificate.spec
    return {
        **json_records.certificate_document(one),
        "organisation": record.delegation.organisation,
        "names": list(spec.names),
        "profile_id": spec.profile_id,
        "key": str(spec.key_type),
        "term_days": spec.term_days,
        "stores": list(spec.stores),
        "served": json_records.served_document(certificate.served) if certificate.served else None,
        "findings": [
            json_records.finding_document(each, spec.delegation)
            for each in open_findings(record)
            if each.certificate in {"", spec.name}
        ],
        "history": [json_records.finished_document(row) for row in history],
    }
