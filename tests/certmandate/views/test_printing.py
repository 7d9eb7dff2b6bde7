"""Fault N7: what is printed, on terminals of every width and into a pipe."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import timedelta

import pytest
from rich.console import Console, Group, RenderableType
from rich.text import Text

from certmandate.views import printing
from certmandate.views.printing import RowListing, VisibleConsole, show
from renewal.domain.certificate.serial import normalised_serial, printed_serial
from renewal.domain.setup.check_result import SetupStep, not_checked
from renewal.domain.setup.inspection import Inspection
from tests.certmandate.conftest import Sit
from tests.unit.system import NOW

WIDTHS = (30, 40, 60, 72, 80, 100, 120, 200)
ARN = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def rendered(width: int, *parts: RenderableType) -> str:
    """Return what a terminal without colours shows."""
    stream = io.StringIO()
    show(VisibleConsole(file=stream, force_terminal=True, color_system=None, width=width), *parts)
    return stream.getvalue()


def words(text: str) -> Counter[str]:
    """Count the words; a command in backticks is one."""
    return Counter(re.findall(r"`[^`\n]*`|[^\s`#]+", text))


def listings(*parts: RenderableType) -> list[RowListing]:
    """Return the tables among *parts*."""
    found: list[RowListing] = []
    for part in parts:
        found += listings(*part.renderables) if isinstance(part, Group) else []
        found += [part] if isinstance(part, RowListing) else []
    return found


def test_an_internationalised_name_is_printed_in_both_spellings() -> None:
    """Operators and RAOs know it with accents; only `xn--…` can be searched for in SCM and in certificates."""
    name, both = "xn--universit-j4a.example", "université.example (xn--universit-j4a.example)"
    parts = (
        printing.table(["name"], [[name]]),
        printing.facts([("names", name)]),
        *printing.bullets("Findings", [name]),
        *printing.numbered("To do", [(1, name)]),
    )

    assert rendered(120, *parts).count(both) == 4


def test_no_word_of_any_page_is_broken_at_any_width(sit: Sit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A serial, a name, a path, an ARN or a command over two lines cannot be copied, searched for or compared."""
    desk = sit("recent:20", "application-of-the-registrar-long-name:198", "new", "due:160")
    desk.rewrite("names: [new.univ.example]", "names: [new.univ.example, name-that-nobody-has-delegated.univ.example]")
    shown: list[tuple[RenderableType, ...]] = []

    def record(console: Console, *parts: RenderableType) -> None:
        shown.append(parts)
        show(console, *parts)

    monkeypatch.setattr(printing, "show", record)
    commands: tuple[tuple[object, ...], ...] = (
        ("plan", desk.folder),
        ("check", "univ"),
        ("status",),
        ("show", "univ/recent"),
        ("calendar",),
        ("revoke", "univ/recent", "--reason-code", "superseded", "--no-replacement", "--yes"),
        ("retire", "univ"),
    )
    for command in commands:
        shown.clear()
        piped = desk.run(*command).output
        assert shown, command
        for parts in shown:
            whole = rendered(100_000, *parts)
            assert whole.strip("\n") in piped, "wrapped in a pipe"
            expected = words(whole) - words(" ".join(name for table in listings(*parts) for name in table.columns))
            for width in WIDTHS:
                assert not expected - words(rendered(width, *parts)), (command, width)


def test_a_table_that_does_not_fit_becomes_records() -> None:
    """At 40 columns, the cells of a table would be a few letters wide."""
    table = printing.table(["ARN", "days#"], [[ARN, "1"], ["short", "20"]])

    assert rendered(40, table).splitlines() == [f"ARN   {ARN}", "days  1", "", "ARN   short", "days  20"]
    assert rendered(100, table).splitlines()[1:] == [f"{ARN}     1", f"{'short':86}    20"]


def test_all_records_of_a_table_have_their_values_in_one_column() -> None:
    """A record without the value of the longest label began its other values elsewhere."""
    table = printing.table(["name", "where in SCM"], [["a", "Domains"], ["b", ""]])

    assert rendered(16, table).splitlines() == ["name          a", "where in SCM  Domains", "", "name          b"]


def test_a_cell_that_is_wrapped_stays_in_its_column_and_colour() -> None:
    """A sentence that runs into the next column, or a state without its colour, is overlooked in a long table."""
    state = Text("needs attention", style="bold red")
    table = printing.table(["what", "days#", "state"], [["one sentence of more words than fit", "1000", state]])

    assert rendered(54, table).splitlines() == [
        "what                             days  state",
        "one sentence of more words than  1000  needs attention",
        "fit",
    ]
    stream = io.StringIO()
    show(VisibleConsole(file=stream, force_terminal=True, color_system="standard", width=80), table)
    assert "\x1b[1;31mneeds attention\x1b[0m" in stream.getvalue()


def test_a_command_is_one_word_and_lines_fit_otherwise() -> None:
    """A command that a line break divides runs as another command."""
    (line,) = printing.bullets("Findings", ["the credential is refused: `certmandate check univ` logs in once"])[1:]

    assert rendered(36, line).splitlines() == [
        "  - the credential is refused:",
        "    `certmandate check univ` logs in",
        "    once",
    ]


def test_a_pipe_has_no_colours_and_no_trailing_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs and mails read it."""
    printing.show(printing.printer(), printing.table(["name", "state"], [["a", Text("fine", style="red")], ["b", ""]]))

    assert capsys.readouterr().out == "name  state\na     fine\nb\n"


@pytest.mark.parametrize(("text", "printed"), [("a7:7", "0A77"), ("00 0b", "0B"), ("1234", "1234"), ("0", "00")])
def test_a_serial_is_printed_in_whole_bytes(text: str, printed: str) -> None:
    """OpenSSL, browsers and ACM print them so: a serial without its zero is not found by a search."""
    assert printed_serial(normalised_serial(text)) == printed


@pytest.mark.parametrize(
    ("full_days_ago", "printed"),
    [
        (0, "2026-11-23 08:00Z, in full"),
        (3, "2026-11-23 08:00Z (password, SSL report); all else in SCM was read 5 days ago, 2026-11-20 08:00Z"),
        (None, "2026-11-23 08:00Z, not in full"),
    ],
)
def test_what_an_inspection_did_not_read_is_printed_with_its_age(full_days_ago: int | None, printed: str) -> None:
    """A week's old facts beside today's date would be taken for today's."""
    full_at = None if full_days_ago is None else NOW - timedelta(days=full_days_ago)

    assert printing.inspected(Inspection("run", NOW, full_at=full_at), NOW + timedelta(days=2)) == printed


def test_an_inspection_without_a_login_is_not_called_read():
    """After a mandate's end nothing is read: "not in full" meant that something was."""
    inspection = Inspection("run", NOW, check_results=(not_checked(SetupStep.ADMIN, "the mandate ended"),))

    assert printing.inspected(inspection, NOW) == "2026-11-23 08:00Z, not read: the mandate ended"
