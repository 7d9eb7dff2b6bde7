"""What `certmandate calendar` shows: the rules by day of issue, and the workload of each quarter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from certmandate.views import printing
from certmandate.workload import ACM_IMPORTS_A_YEAR, HORIZON, Period, Start, Workload
from renewal.domain.calendar import PHASES, SUNSETS, phase_at


def page(
    starts: Sequence[Start], periods: Sequence[Period], assumptions: Sequence[str], now: datetime
) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    yield Text(f"{printing.counted(len(starts), 'certificate')}, from {now.date()} to {HORIZON}", style="bold")
    rules = ["from", "longest term#", "permitted#", "domain validation#", "organisation validation#"]
    yield printing.heading("Rules by day of issue")
    yield printing.table(rules, _phases(now))
    ends = ((str(sunset.ends), sunset.subject, sunset.source) for sunset in SUNSETS if sunset.ends > now.date())
    yield printing.heading("What ends")
    yield printing.table(["from", "no longer", "source"], ends)
    columns = ["quarter", "orders#", "a week#", "busiest week#", "domains#", "organisations#", "ACM in 365 days#"]
    yield printing.heading("Workload")
    yield printing.table(columns, map(_row, periods))
    yield from (Text(f"- {line}", style="dim") for line in assumptions)


def _phases(now: datetime) -> Iterator[printing.Row]:
    for phase in PHASES[PHASES.index(phase_at(now)) :]:
        terms, reuse = (
            (phase.term_days, phase.permitted_term_days),
            (phase.dcv_reuse_days, phase.organisation_reuse_days),
        )
        yield str(phase.begins.date()), *(f"{number} days" for number in (*terms, *reuse))


def _row(period: Period) -> printing.Row:
    is_over = period.imports_a_year > ACM_IMPORTS_A_YEAR
    return (
        period.name,
        str(period.orders),
        f"{period.orders_a_week:.1f}",
        str(period.busiest_week),
        str(period.domain_validations),
        str(period.organisation_validations),
        Text(f"{period.imports_a_year:,} of {ACM_IMPORTS_A_YEAR:,}", style="bold red" if is_over else ""),
    )


def document(
    starts: Sequence[Start], work: Workload, periods: Sequence[Period], assumptions: Sequence[str], today: date
) -> dict[str, Any]:
    """Return the calendar as JSON has it."""
    return {
        "certificates": len(starts),
        "from": today.isoformat(),
        "to": HORIZON.isoformat(),
        "phases": [asdict(phase) | {"begins": phase.begins.date().isoformat()} for phase in PHASES],
        "sunsets": [{"subject": sunset.subject, "ends": sunset.ends, "source": sunset.source} for sunset in SUNSETS],
        "quarters": [_period_document(period) for period in periods],
        "weeks": [{"begins": day.isoformat(), "orders": orders} for day, orders in work.weeks(today, HORIZON)],
        "acm_imports_a_year": ACM_IMPORTS_A_YEAR,
        "assumptions": list(assumptions),
    }


def _period_document(period: Period) -> dict[str, Any]:
    days = {"begins": period.begins.isoformat(), "ends": period.ends.isoformat()}
    return asdict(period) | days | {"orders_a_week": round(period.orders_a_week, 2)}
