"""Print the figures of the scenarios: `python -m stack.measure.mass_replacement`; `--write` updates docs/scale.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from gate import computed
from stack.measure.mass_replacement.curve import drawn
from stack.measure.mass_replacement.scenarios import SCENARIOS, RenewalLoad, Result, load_of_2029, play

ROOT = Path(__file__).resolve().parents[4]
DOCUMENT = ROOT / "docs" / "scale.md"
PICTURE = ROOT / "docs" / "images" / "replacement.svg"
_HOURS = 24
_DRAWN = 6  # more curves are not told apart
_HEAD = (
    "| scenario | decided by | planned | 50 % stored | 100 % stored | served in 24 h | runs | double orders "
    "| over the caps |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def table(results: Iterable[Result]) -> str:
    """Return the figures of the replacements."""
    return "\n".join([_HEAD, *map(_row, results)])


def _row(result: Result) -> str:
    cells = (
        result.scenario.name,
        result.bottleneck,
        f"{result.planned_hours:.1f} h",
        _hours(result.hours_until(0.5)),
        _hours(result.hours_until(1.0)),
        f"{result.share_within(24) * 100:.1f} %",
        str(len(result.runs)),
        str(result.double_orders),
        str(result.over_the_caps),
    )
    return f"| {' | '.join(cells)} |"


def _hours(hours: float | None) -> str:
    return "not in 48 h" if hours is None else f"{hours:.1f} h"


def load_table(load: RenewalLoad) -> str:
    """Return the figures of the ordinary load."""
    rows = (
        ("certificates, delegations", f"{load.certificates:,}, {load.delegations:,}"),
        ("orders a day, mean and highest", f"{load.orders_a_day:.0f}, {load.most_orders}"),
        ("orders a year for one certificate", f"{load.orders_a_day * 365 / load.certificates:.1f}"),
        ("deferred by a daily run, at most", str(load.most_deferred)),
        ("longest daily run", f"{load.longest_minutes:.0f} min"),
        ("days left when a certificate was renewed, at least", f"{load.least_days_left:.1f}"),
    )
    return "\n".join(["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Play everything; print it, or write it."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m stack.measure.mass_replacement", description=summary)
    parser.add_argument("--write", action="store_true", help="put the tables and the curve into docs/scale.md")
    options = parser.parse_args(arguments)
    results = [play(scenario) for scenario in SCENARIOS]
    replacements, load = table(results), load_table(load_of_2029())
    if not options.write:
        print(replacements, load, sep="\n\n")
        return
    computed.write(DOCUMENT, {"replacements": f"{replacements}\n", "load": f"{load}\n"})
    chosen = [result for result in results if result.scenario.is_drawn]
    PICTURE.write_text(drawn(chosen[:_DRAWN], _HOURS), encoding="utf-8")


if __name__ == "__main__":
    main()
