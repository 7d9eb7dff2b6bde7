"""`certmandate calendar`: the workload of an estate until 2030, while the lifetimes of certificates get shorter."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from certmandate.deployment import deployed, read_stored
from certmandate.exit import exit_on_error
from certmandate.files.delegation_files import load_delegations
from certmandate.options import JsonOption
from certmandate.views import calendar as calendar_view
from certmandate.views import printing
from certmandate.views.exports import icalendar
from certmandate.workload import (
    ASSUMPTIONS,
    HORIZON,
    UNKNOWN_START,
    Known,
    Start,
    starts_of_book,
    starts_of_files,
    workload,
)


def calendar_command(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Delegation files. Default: the order book.")
    ] = None,
    as_ics: Annotated[
        bool, typer.Option("--ics", help="Print the dates of the order book's certificates and passwords (RFC 5545).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the workload until 2030.

    Orders, validations and imports of each quarter, while the lifetimes of certificates get shorter. With --ics, a
    calendar file: expiries, planned renewals, ends of mandates, rotations and expiries of passwords.
    """
    now = datetime.now(UTC)
    if as_ics:
        if folder is not None or as_json:
            msg = "--ics prints the dates of the order book: pass it without DIR and without --json"
            raise typer.BadParameter(msg, param_hint="--ics")
        _print_ics(context, now)
        return
    starts, known, assumptions = _estate(context, folder, now)
    work = workload(starts, known, HORIZON)
    periods = work.periods(now.date(), HORIZON)
    if as_json:
        printing.print_json(calendar_view.document(starts, work, periods, assumptions, now.date()))
    else:
        printing.show(printing.printer(), *calendar_view.page(starts, periods, assumptions, now))


def _print_ics(context: typer.Context, now: datetime) -> None:
    from renewal.adapters.secrets import ScheduledRotations

    with deployed(context) as deployment:
        rotation = ScheduledRotations(deployment.client("secretsmanager"), deployment.fact("SecretPrefix"))
        stored = read_stored(deployment)
        estate = [
            (record, certificates, rotation(record.delegation.name)) for record, certificates in stored.by_delegation()
        ]
        stack, removed = deployment.fact("StateMachineArn"), deployment.book.removed()
    printing.print_left_out((*stored.unreadable, *removed.unreadable))
    events = (*icalendar.events(estate, now), *icalendar.removed_events(removed, now))
    printing.print_crlf(icalendar.lines(events, stack, now))


def _estate(context: typer.Context, folder: Path | None, now: datetime) -> tuple[list[Start], Known, tuple[str, ...]]:
    if folder is not None:
        with exit_on_error():
            loaded = [specification for specification, _ in load_delegations(folder, now)]
        starts = starts_of_files(((each.delegation, each.certificates) for each in loaded), now.date())
        return starts, Known(), (UNKNOWN_START, *ASSUMPTIONS)
    with deployed(context) as deployment:
        stored = read_stored(deployment)
    printing.print_left_out(stored.unreadable)
    return *starts_of_book(stored.by_delegation(), now), ASSUMPTIONS
