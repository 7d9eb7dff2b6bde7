"""`certmandate status` and `show`: the state of the estate, or of one certificate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from certmandate.completion import delegation_names
from certmandate.deployment import Deployment, deployed, read_stored
from certmandate.exit import NEEDS_ATTENTION
from certmandate.files.atomic_files import write_together
from certmandate.judged_estate import JudgedEstate
from certmandate.options import CertificateArgument, JsonOption, split
from certmandate.run_failures import judged_delegation, judged_order_book, with_lost
from certmandate.views import certificate as certificate_view
from certmandate.views import printing
from certmandate.views import status as status_view
from certmandate.views.certificate import AuditRows
from certmandate.views.exports.csv_table import csv_lines
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.judgement.replacement_progress import ReplacementProgress, progress_of
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord

if TYPE_CHECKING:
    from certmandate.estate_changes import Stored
    from certmandate.views.status import EstateStatus

_LAST_RUNS = 5


DelegationsOption = Annotated[
    list[str] | None,
    typer.Option("--delegation", help="Only this delegation; may be repeated.", autocompletion=delegation_names),
]
StatesOption = Annotated[
    list[str] | None,
    typer.Option("--state", help="Only certificates in this state, for example `due`; may be repeated."),
]
ExpiresBeforeOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DAY",
        help="Only certificates that expire before this day (UTC), or have expired.",
    ),
]


def status_command(
    context: typer.Context,
    delegation: DelegationsOption = None,
    state: StatesOption = None,
    expires_before: ExpiresBeforeOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the certificates as a table for spreadsheets.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page in English and French instead.")
    ] = None,
    in_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser; without --html, from a temporary file.")
    ] = False,
    language_code: Annotated[
        Literal["en", "fr"], typer.Option("--language", help="The language that the page shows first.")
    ] = "en",
    as_json: JsonOption = False,
) -> None:
    """Show every certificate, most urgent first.

    Exits 1 when something needs attention, 0 otherwise: of the selected delegations and certificates. With --html or
    --open, a page for screens, phones and paper, with what is planned for the next twelve months and all orders.
    """
    if as_csv + as_json + bool(html or in_browser) > 1:
        msg = "--csv, --json and --html (or --open) are forms of the same output: pass one of them"
        raise typer.BadParameter(msg, param_hint="--csv")
    states = _known_states(state or ())
    with deployed(context) as deployment:
        whole = read_estate(deployment, datetime.now(UTC), delegation or ())
        estate = whole.only(states, expires_before)
        printing.print_left_out(each for each in whole.unreadable if as_csv or each not in estate.unreadable)
        if html or in_browser:
            _show_page(page_of(deployment, estate, language_code), html, in_browser=in_browser)
            raise typer.Exit(_code(estate))
    if as_csv:
        printing.print_crlf(csv_lines(status_view.CSV_COLUMNS, status_view.csv_rows(estate)))
    elif as_json:
        printing.print_json(status_view.document(estate))
    else:
        printing.show(printing.printer(), *status_view.page(estate))
    raise typer.Exit(_code(estate))


def _code(estate: EstateStatus) -> int:
    return NEEDS_ATTENTION if estate.needs_attention else 0


def show_command(context: typer.Context, certificate: CertificateArgument, as_json: JsonOption = False) -> None:
    """Show one certificate and its orders.

    What is stored, the open order, what happens next, findings, what operators have done, and every order so far.
    """
    delegation, name = split(certificate)
    with deployed(context) as deployment:
        record, state, judged = read_judgement(deployment, delegation, name, datetime.now(UTC))
        history = AuditRows(deployment.book.history(delegation, name), deployment.book.actions(delegation, name))
    printing.print_left_out((*history.orders.unreadable, *history.actions.unreadable))
    if as_json:
        printing.print_json(certificate_view.document(record, state, judged, history))
    else:
        printing.show(printing.printer(), *certificate_view.page(record, state, judged, history))


def read_judgement(
    deployment: Deployment, delegation: str, name: str, now: datetime
) -> tuple[DelegationRecord, Judgement, JudgedEstate]:
    """Read one certificate with its delegation and all that belongs to it, and judge them. Raises UnknownDelegation."""
    book = deployment.book
    record, certificate, certificates = (
        book.delegation(delegation),
        book.certificate(delegation, name),
        book.certificates(delegation),
    )
    judged = judged_delegation(deployment, record, certificates, now)
    path = certificate.spec.path
    return record, next(state for state in judged.certificates if state.path == path), judged


def _known_states(names: Collection[str]) -> frozenset[str]:
    """Return the labels; raise typer.BadParameter for one that does not exist."""
    known = [state.label for state in CertificateState]
    if unknown := [name for name in names if name not in known]:
        msg = f"'{unknown[0]}' is not a state; the states are {', '.join(known)}"
        raise typer.BadParameter(msg, param_hint="--state")
    return frozenset(names)


def _selected(stored: Stored, names: Collection[str]) -> Stored:
    """Return the delegations *names*, or all."""
    return replace(
        stored,
        delegations={name: each for name, each in stored.delegations.items() if not names or name in names},
        certificates={
            path: each for path, each in stored.certificates.items() if not names or each.spec.delegation in names
        },
        unreadable=tuple(error for error in stored.unreadable if not names or error.delegation in names),
    )


def page_of(deployment: Deployment, estate: EstateStatus, language_code: str = "en") -> str:
    """Return the page about *estate*, with the audit rows of its certificates."""
    from certmandate.views.status_page.page import status_page

    shown = {each.path for each in estate.judged.certificates}
    histories = deployment.book.histories({path.partition("/")[0] for path in shown})
    printing.print_left_out(histories.unreadable)
    rows = [row for row in histories if f"{row.delegation}/{row.certificate}" in shown]
    stack = {"account": deployment.account, "region": deployment.region, "name": deployment.stack}
    return status_page(estate, rows, {} if deployment.is_local else stack, language_code)


def _show_page(page: str, target: Path | None, *, in_browser: bool) -> None:
    """Write the page; readable by its owner only, because it names what is wrong. Raises NotWritten."""
    import tempfile
    import webbrowser

    path = target or Path(tempfile.mkdtemp(prefix="certmandate-")) / "status.html"
    write_together({path: page.encode()}, force=True, mode=0o600)
    printing.print_line(f"written: {path}")
    if in_browser and not webbrowser.open(path.absolute().as_uri()):
        printing.print_error(f"no browser was found: open {path}")


def read_estate(deployment: Deployment, now: datetime, names: Collection[str] = ()) -> EstateStatus:
    """Read and judge the delegations *names*, or all. Raises UnknownDelegation."""
    from certmandate.views.json_records import run_document
    from certmandate.views.status import EstateStatus

    book = deployment.book
    for name in names:
        book.delegation(name)
    whole, replacements, retired, removed = (
        with_lost(deployment, read_stored(deployment)),
        book.replacement_rules(),
        book.retired(),
        book.removed(),
    )
    stored = _selected(whole, names)
    judged = judged_order_book(deployment, stored, replacements, now, whole)
    runs = deployment.client("stepfunctions").list_executions(
        stateMachineArn=deployment.fact("StateMachineArn"), maxResults=_LAST_RUNS
    )
    return EstateStatus(
        delegations=stored.delegations,
        judged=judged,
        replacements=replacements,
        retired=tuple(each for each in retired if each.valid_until > now and not names),
        removed=tuple(each for each in removed if (each.valid_until > now or each.revocations) and not names),
        unreadable=(*stored.unreadable, *replacements.unreadable, *retired.unreadable, *removed.unreadable),
        unfinished_apply=book.unfinished_apply(),
        runs=[run_document(run) for run in runs["executions"]],
        at=now,
        progress={} if names else dict(_progress(deployment, stored, replacements, now)),
    )


def _progress(
    deployment: Deployment, stored: Stored, rules: Iterable[ReplacementRule], now: datetime
) -> Iterator[tuple[ReplacementRule, ReplacementProgress]]:
    for rule in rules:
        yield rule, progress_of(rule, stored.certificates.values(), now, listed=deployment.book.listed_for(rule))
