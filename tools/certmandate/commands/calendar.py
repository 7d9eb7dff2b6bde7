"""`certmandate calendar`: what the shrinking lifetimes mean for an estate until 2030."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from certmandate.deployment import deployed
from certmandate.exit import exit_on_error
from certmandate.files.delegation_files import load_delegations
from certmandate.options import JsonOption
from certmandate.views.calendar import (
    ACM_IMPORTS_A_YEAR,
    ASSUMPTIONS,
    HORIZON,
    UNKNOWN_START,
    Known,
    Period,
    Start,
    Work,
    starts_of_book,
    starts_of_files,
    work_ahead,
)
from certmandate.views.printing import printer
from renewal.domain.calendar import PHASES, phase_at


def calendar_command(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Delegation files. Default: the order book.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Orders a week, validations and imports until 2030, from the calendar of public TLS."""
    now = datetime.now(UTC)
    today = now.date()
    starts, known, assumptions = _estate(context, folder, now)
    work = work_ahead(starts, known, HORIZON)
    periods = work.periods(today, HORIZON)
    if as_json:
        typer.echo(json.dumps(_document(starts, work, periods, assumptions, today), ensure_ascii=False))
        return
    console = printer()
    console.print(Text(f"{len(starts)} certificates, from {today} to {HORIZON}", style="bold"))
    console.print(_phases(now))
    console.print(_table(periods))
    for line in assumptions:
        console.print(Text(f"- {line}", style="dim"), soft_wrap=True)


def _estate(context: typer.Context, folder: Path | None, now: datetime) -> tuple[list[Start], Known, tuple[str, ...]]:
    if folder is not None:
        with exit_on_error():
            loaded = [found for found, _ in load_delegations(folder, now)]
        starts = starts_of_files(((one.delegation, one.certificates) for one in loaded), now.date())
        return starts, Known(), (UNKNOWN_START, *ASSUMPTIONS)
    with deployed(context) as deployment:
        book = deployment.book
        estate = [(book.delegation(name), book.certificates(name)) for name in book.delegations()]
    return *starts_of_book(estate, now), ASSUMPTIONS


def _phases(now: datetime) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Rules by day of issue", title_justify="left")
    for name in ("from", "longest term", "domain validation", "organisation validation"):
        table.add_column(name, justify="left" if name == "from" else "right")
    for phase in PHASES[PHASES.index(phase_at(now)) :]:
        days = (phase.term_days, phase.dcv_reuse_days, phase.organisation_reuse_days)
        table.add_row(str(phase.begins.date()), *(f"{number} days" for number in days))
    return table


def _table(periods: Sequence[Period]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Work", title_justify="left")
    for name in ("quarter", "orders", "a week", "busiest week", "domains", "organisations", "ACM in 365 days"):
        table.add_column(name, justify="left" if name == "quarter" else "right")
    for one in periods:
        over = one.imports_a_year > ACM_IMPORTS_A_YEAR
        imports = Text(f"{one.imports_a_year:,} of {ACM_IMPORTS_A_YEAR:,}", style="bold red" if over else "")
        table.add_row(
            one.name,
            str(one.orders),
            f"{one.orders_a_week:.1f}",
            str(one.busiest_week),
            str(one.domain_validations),
            str(one.organisation_validations),
            imports,
        )
    return table


def _document(
    starts: Sequence[Start], work: Work, periods: Sequence[Period], assumptions: Sequence[str], today: date
) -> dict[str, Any]:
    return {
        "certificates": len(starts),
        "from": today.isoformat(),
        "to": HORIZON.isoformat(),
        "phases": [asdict(phase) | {"begins": phase.begins.date().isoformat()} for phase in PHASES],
        "quarters": [_period(one) for one in periods],
        "weeks": [{"begins": day.isoformat(), "orders": orders} for day, orders in work.weeks(today, HORIZON)],
        "acm_imports_a_year": ACM_IMPORTS_A_YEAR,
        "assumptions": list(assumptions),
    }


def _period(one: Period) -> dict[str, Any]:
    days = {"begins": one.begins.isoformat(), "ends": one.ends.isoformat()}
    return asdict(one) | days | {"orders_a_week": round(one.orders_a_week, 2)}
