"""Printing: tables and lists for the operator, and one JSON document for programs.

No word is ever broken, and no command in backticks. A terminal's lines are wrapped between words, and a table that does
not fit its width becomes one record for each row. Where the output is no terminal, nothing is wrapped.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from certmandate.files.visible_text import UNENCODABLE, VisibleStream
from renewal.domain.errors import RecordUnreadable
from renewal.domain.names import with_readable_names
from renewal.mail.visible_text import visible

if TYPE_CHECKING:
    from renewal.domain.setup.inspection import Inspection

Row = Sequence[str | Text]
_UNLIMITED = 100_000  # columns, when the output is no terminal
_READABLE = 24  # columns; a table's sentences are not wrapped to less
_GAP = 2  # columns between two cells
_COMMAND = re.compile("`[^`]*`")
_BREAK = re.compile("[\\n\\t]")
_HARD_SPACE = "\ue000"  # of Unicode's private use area: a space at which no line is wrapped
_STYLES = {"error": "bold red", "warning": "yellow", "info": "yellow"}
"""By the severity of a problem."""


class VisibleConsole(Console):
    """A console that prints the control characters of texts as text, and only its own as they are."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of *renderable*."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


@dataclass(frozen=True)
class Wrapped:
    """A text after a label. Further lines begin below its first; a word that is wider than the room overflows it."""

    text: Text
    label: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        label = self.label
        for line in _lines(console, _joined(self.text), max(1, options.max_width - label.cell_len)):
            yield from (*_segments(console, label), *_segments(console, line), Segment.line())
            label = Text(" " * label.cell_len)


@dataclass(frozen=True)
class RowListing:
    """Rows in columns where they fit, else one record for each row; rich's own table takes seconds for 10,000 rows."""

    columns: Sequence[str]
    """Their names; one that ends in `#` has numbers."""
    rows: Sequence[Sequence[Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table or the records."""
        names = [Text(name.removesuffix("#"), style="bold") for name in self.columns]
        widths = _widths([*zip(names, *self.rows, strict=True)], options.max_width)
        if widths is None:
            plain = [name.plain for name in names]
            for number, row in enumerate(self.rows):
                yield from ([Text()] if number else [])
                yield facts(zip(plain, row, strict=True), indent=0, width=max(map(len, plain)))
            return
        for row in (names, *self.rows):
            yield from self._row(console, row, widths)

    def _row(self, console: Console, row: Sequence[Text], widths: Sequence[int]) -> Iterator[Segment]:
        cells = [_lines(console, cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*cells, fillvalue=Text()):
            blanks = ""
            for name, width, text in zip(self.columns, widths, line, strict=True):
                rest = " " * (width - text.cell_len)
                before, after = (rest, "") if name.endswith("#") else ("", rest)
                yield from _segments(console, text, f"{blanks}{before}")
                blanks = f"{after}{'':{_GAP}}"
            yield Segment.line()


def _lines(console: Console, text: Text, width: int) -> Iterable[Text]:
    """Wrap *text* between words; a word that is wider overflows."""
    if cell_len(text.plain) <= width and not _BREAK.search(text.plain):
        return [text]
    text.overflow = "ignore"  # wraps as "crop" does, and crops nothing
    lines = text.wrap(console, width)
    for line in lines:
        line.rstrip()
    return lines


def _segments(console: Console, text: Text, before: str = "") -> Iterable[Segment]:
    """Return a line without its end, after blanks; as few segments as possible, because each takes time."""
    if text.spans:
        return [Segment(before), *text.render(console)]
    if text.style:
        return [Segment(before), Segment(text.plain, console.get_style(text.style))]
    return [Segment(f"{before}{text.plain}")]


def _widths(columns: Sequence[Sequence[Text]], room: int) -> list[int] | None:
    """Share *room* out: what a column needs at least, and of the rest what it lacks; None when it is too little."""
    natural = [max(map(_longest, (text.plain.split("\n") for text in column))) for column in columns]
    unbroken = [max(map(_longest, (text.plain.split() for text in column))) for column in columns]
    least = [min(full, max(low, _READABLE)) for full, low in zip(natural, unbroken, strict=True)]
    rest = room - sum(least) - _GAP * (len(columns) - 1)
    lacking = sum(natural) - sum(least)
    if rest < 0:
        return None
    share = min(1.0, rest / lacking) if lacking else 0.0
    return [low + int((full - low) * share) for full, low in zip(natural, least, strict=True)]


def _longest(parts: Iterable[str]) -> int:
    return max(map(cell_len, parts), default=0)


def _joined(cell: str | Text) -> Text:
    """Return a copy whose commands in backticks are one word each; a string with U-labels beside A-labels."""
    text = Text(with_readable_names(cell)) if isinstance(cell, str) else cell.copy()
    text.plain = _COMMAND.sub(lambda found: found[0].replace(" ", _HARD_SPACE), text.plain)
    return text


def printer(*, to_stderr: bool = False) -> Console:
    """Return a console on standard output or error: colours and width of the terminal, plain lines into a pipe."""
    stream: Any = sys.stderr if to_stderr else sys.stdout
    stream = stream.raw if isinstance(stream, VisibleStream) else stream
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # an organisation's name must not end a run on a terminal without UTF-8
    console = VisibleConsole(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = _UNLIMITED
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
    """Print the parts, without trailing blanks."""
    with console.capture() as captured:
        console.print(Group(*_unbroken(parts)), crop=False)
    lines = captured.get().replace(_HARD_SPACE, " ").split("\n")
    console.file.write("\n".join(line.rstrip() for line in lines))


def _unbroken(parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    for part in parts:
        if isinstance(part, Group):
            yield from _unbroken(part.renderables)
        else:
            yield Wrapped(part, Text()) if isinstance(part, Text) else part


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output; times as ISO 8601 in UTC."""
    print_for_programs(json.dumps(document, ensure_ascii=False, indent=2, default=_plain) + "\n")


def print_for_programs(text: str) -> None:
    """Print *text* in UTF-8 whatever the locale, as RFC 8259 has it of JSON; no line feed is added."""
    in_utf8(sys.stdout)
    typer.echo(text, nl=False)


def in_utf8(stream: Any) -> None:
    """Have *stream* encode what follows in UTF-8."""
    raw = stream.raw if isinstance(stream, VisibleStream) else stream
    if isinstance(raw, io.TextIOWrapper):
        raw.reconfigure(encoding="utf-8", errors=UNENCODABLE)


def print_result(document: Mapping[str, Any], text: str, *, as_json: bool, style: str = "") -> None:
    """Print what a command has done: one JSON document, or lines that are never wrapped."""
    if as_json:
        print_json(document)
    else:
        print_line(text, style=style)


def print_crlf(lines: Iterable[str]) -> None:
    """Print lines that end as CSV (RFC 4180) and iCalendar (RFC 5545) have it, without control characters in them."""
    stream: Any = sys.stdout
    in_utf8(stream)
    stream = stream.raw if isinstance(stream, VisibleStream) else stream
    stream.write("".join(f"{visible(line)}\r\n" for line in lines))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def table(columns: Iterable[str], rows: Iterable[Row]) -> RowListing:
    """Return a table; a column whose name ends in `#` has numbers."""
    return RowListing(tuple(columns), [[_joined(cell) for cell in row] for row in rows])


def facts(pairs: Iterable[tuple[str, str | Text]], *, indent: int = 2, width: int = 0) -> RenderableType:
    """Return names and their values, one pair a line; pairs without a value are left out.

    *width*: columns of the names, at least.
    """
    given = [(name, value) for name, value in pairs if value]
    width = max([width, *(len(name) for name, _ in given)])
    labels = [Text(f"{'':{indent}}{name:{width}}{'':{_GAP}}", style="dim") for name, _ in given]
    return Group(*(Wrapped(_joined(value), label) for label, (_, value) in zip(labels, given, strict=True)))


def heading(text: str) -> Text:
    """Return the title of a part."""
    return Text(f"\n{text}", style="bold")


def bullets(title: str, lines: Iterable[str]) -> list[RenderableType]:
    """Return a titled list, or nothing when there are no lines."""
    return _titled(title, (Wrapped(_joined(line), Text("  - ")) for line in lines))


def numbered(title: str, lines: Iterable[tuple[int, str]]) -> list[RenderableType]:
    """Return a titled list of lines with the numbers of their details, or nothing when there are no lines."""
    return _titled(title, (Wrapped(_joined(line), Text(f"{number:>4}. ")) for number, line in lines))


def _titled(title: str, lines: Iterable[RenderableType]) -> list[RenderableType]:
    texts = list(lines)
    return [heading(title), *texts] if texts else []


def state_text(state: str, severity: str, *, normal: str = "") -> Text:
    """Return a state in the colour of its problem; *normal*: the style of a state without one."""
    return Text(state, style=_STYLES.get(severity, normal))


def cause(causes: Iterable[str], reason: str) -> str:
    """Return why a certificate was ordered: `asked: laptop stolen`."""
    return ", ".join(causes) + (f": {reason}" if reason else "")


def day(at: datetime | None) -> str:
    """Return the day in UTC, or nothing."""
    return f"{at.astimezone(UTC):%Y-%m-%d}" if at else ""


def inspected(inspection: Inspection, now: datetime) -> str:
    """Return when SCM was last inspected, and when it was last read in full."""
    at, full_at = inspection.at, inspection.full_at
    if inspection.unread:
        return f"{minute(at)}, not read: {inspection.unread}"
    if full_at is None:
        return f"{minute(at)}, not in full"
    if full_at == at:
        return f"{minute(at)}, in full"
    age = counted((now.date() - full_at.date()).days, "day")
    return f"{minute(at)} (password, SSL report); all else in SCM was read {age} ago, {minute(full_at)}"


def minute(at: datetime | None) -> str:
    """Return day and time in UTC, or nothing."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z" if at else ""


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return `1 certificate`, `2 certificates`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
