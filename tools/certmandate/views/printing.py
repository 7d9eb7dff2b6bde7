"""Printing: tables and lists for the operator, and one JSON document for programs."""

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
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from certmandate.certificate_state import State
from certmandate.files.visible_text import VisibleStream, visible
from renewal.domain.errors import RecordUnreadable

Row = Sequence[str | Text]
_PIPE_WIDTH = 120  # columns, when the output is no terminal
_STYLES = {
    State.EXPIRED: "bold red",
    State.NEAR_EXPIRY: "bold red",
    State.FAILING: "red",
    State.MANDATE_ENDED: "red",
    State.PENDING: "yellow",
}


class VisibleConsole(Console):
    """A console that prints the control characters of texts as text, and only its own as they are."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of *renderable*."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def printer(*, to_stderr: bool = False) -> Console:
    """Return a console on standard output or error: colours and width of the terminal, plain lines into a pipe."""
    stream: Any = sys.stderr if to_stderr else sys.stdout
    stream = stream.raw if isinstance(stream, VisibleStream) else stream
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # an organisation's name must not end a run on a terminal without UTF-8
    console = VisibleConsole(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def print_error(text: str) -> None:
    """Print an error on standard error, a line for each fault."""
    printer(to_stderr=True).print(Text(text, style="red"), soft_wrap=True)


def print_left_out(unreadable: Iterable[RecordUnreadable]) -> None:
    """Print on standard error what the output lacks because it cannot be read."""
    for error in unreadable:
        print_error(f"Left out: {error}")


def print_line(text: str | Text, *, style: str = "", to_stderr: bool = False) -> None:
    """Print one line, never wrapped."""
    printer(to_stderr=to_stderr).print(text if isinstance(text, Text) else Text(text, style=style), soft_wrap=True)


def show(console: Console, *parts: RenderableType) -> None:
    """Print the parts; plain text without trailing blanks when *console* is no terminal."""
    if console.is_terminal:
        console.print(Group(*parts))
        return
    with console.capture() as captured:
        console.print(Group(*parts))
    console.print(Text("\n".join(line.rstrip() for line in captured.get().splitlines())), soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output; times as ISO 8601 in UTC."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def table(columns: Iterable[str], rows: Iterable[Row], *, title: str | None = None) -> Table:
    """Return a table; a column whose name ends in `#` has numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False, title=title, title_justify="left")
    for index, name in enumerate(columns):
        justify: Any = "right" if name.endswith("#") else "left"
        made.add_column(name.removesuffix("#"), justify=justify, overflow="fold", no_wrap=index == 0)
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, str]], *, indent: int = 2) -> RenderableType:
    """Return names and their values, one pair a line; pairs without a value are left out."""
    made = Table(box=None, show_header=False, pad_edge=False, highlight=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            made.add_row(name, Text(value))
    return Padding(made, (0, 0, 0, indent))


def heading(text: str) -> Text:
    """Return the title of a part."""
    return Text(f"\n{text}", style="bold")


def bullets(title: str, lines: Iterable[str]) -> list[RenderableType]:
    """Return a titled list, or nothing when there are no lines."""
    texts: list[RenderableType] = [Padding(Text(f"- {line}"), (0, 0, 0, 2)) for line in lines]
    return [heading(title), *texts] if texts else []


def state_text(state: State, *, normal: str = "") -> Text:
    """Return a state in its colour; *normal*: the style of a state that needs nothing."""
    return Text(state.label, style=_STYLES.get(state, normal))


def cause(causes: Iterable[str], reason: str) -> str:
    """Return why a certificate was ordered: `asked: laptop stolen`."""
    return ", ".join(causes) + (f": {reason}" if reason else "")


def day(at: datetime | None) -> str:
    """Return the day in UTC, or nothing."""
    return f"{at.astimezone(UTC):%Y-%m-%d}" if at else ""


def minute(at: datetime | None) -> str:
    """Return day and time in UTC, or nothing."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z" if at else ""


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return `1 certificate`, `2 certificates`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
