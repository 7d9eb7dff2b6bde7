"""Sheets: what commands print for people, and the same as JSON for programs."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Row = Sequence[str | Text]
_PIPE_WIDTH = 120  # columns, when the output is no terminal


def printer(*, to_stderr: bool = False) -> Console:
    """Return a console on standard output or error: colours and width of the terminal, plain lines into a pipe."""
    stream = sys.stderr if to_stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # an organisation's name must not end a run on a terminal without UTF-8
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def print_error(text: str) -> None:
    """Print an error on standard error, a line for each fault."""
    printer(to_stderr=True).print(Text(text, style="red"), soft_wrap=True)


def table(columns: Iterable[str], rows: Iterable[Row]) -> Table:
    """Return a table; a column whose name ends in `#` is one of numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False)
    for index, name in enumerate(columns):
        number = name.endswith("#")
        justify: Any = "right" if number else "left"
        made.add_column(name.removesuffix("#"), justify=justify, overflow="fold", no_wrap=index == 0)
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, str]]) -> RenderableType:
    """Return names with what they are, one a line; those without a value are left out."""
    made = Table(box=None, show_header=False, pad_edge=False, highlight=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            made.add_row(name, Text(value))
    return Padding(made, (0, 0, 0, 2))


def why(causes: Iterable[str], reason: str) -> str:
    """Return why something was ordered: `asked: laptop stolen`."""
    return ", ".join(causes) + (f": {reason}" if reason else "")


def heading(text: str) -> Text:
    """Return the title of a part."""
    return Text(f"\n{text}", style="bold")


def bullets(title: str, lines: Iterable[str]) -> list[RenderableType]:
    """Return a titled list, or nothing when there are no lines."""
    texts: list[RenderableType] = [Padding(Text(f"- {line}"), (0, 0, 0, 2)) for line in lines]
    return [heading(title), *texts] if texts else []


def show(console: Console, *parts: RenderableType) -> None:
    """Print the parts; plain text without trailing blanks when *console* is no terminal."""
    if console.is_terminal:
        console.print(Group(*parts))
        return
    with console.capture() as captured:
        console.print(Group(*parts))
    console.print(Text("\n".join(line.rstrip() for line in captured.get().splitlines())), soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output; moments as ISO 8601."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def day(moment: datetime | None) -> str:
    """Return the day in UTC, or nothing."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else ""


def minute(moment: datetime | None) -> str:
    """Return day and time in UTC, or nothing."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 certificate`, `2 certificates`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
