"""Fault S7: no control character of somebody else's text reaches a terminal, a log or a program as it is."""

from __future__ import annotations

import io
import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from certmandate.files.visible_text import VisibleStream, in_one_line
from certmandate.views.printing import VisibleConsole
from renewal.mail.visible_text import visible

ANY_TEXT = st.text(st.one_of(st.characters(codec=None), st.sampled_from("\x1b\x07\x9b\x7f\u202e\u2066\u200f\u2028\r")))
_DIRECTION = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def controls(text: str) -> list[str]:
    """Return the characters that a terminal would obey, by their properties in Unicode."""
    return [
        letter
        for letter in text
        if (unicodedata.category(letter) in {"Cc", "Zl", "Zp", "Cs"} and letter not in "\n\t")
        or unicodedata.bidirectional(letter) in _DIRECTION
        or letter in "\u061c\u200e\u200f"
    ]


@given(ANY_TEXT)
def test_no_control_character_passes_and_nothing_else_changes(text: str) -> None:
    """A terminal obeys what it gets, and a reader must still see what there was."""
    shown = visible(text)

    assert not controls(shown)
    assert visible(shown) == shown
    if not controls(text):
        assert shown == text
    assert not set(in_one_line(text)) & set("\n\t")


@given(ANY_TEXT)
def test_json_stays_valid_and_means_the_same(text: str) -> None:
    """Programs read it, and the escapes are those of JSON."""
    assert json.loads(visible(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def test_a_stream_and_a_console_print_no_control_character_of_a_text() -> None:
    """Colours are the console's own; bytes would pass by the filter, so the stream has none."""
    hostile, out, terminal = "\x1b]0;X\x07\u202eevil\x9b2J", io.StringIO(), io.StringIO()
    stream = VisibleStream(out)
    stream.write(hostile)
    stream.writelines([hostile])
    console = VisibleConsole(file=terminal, force_terminal=True, width=200)
    table = Table("name")
    table.add_row(Text(hostile, style="red"))
    console.print(table, Text(hostile))

    assert not controls(out.getvalue())
    assert not hasattr(stream, "buffer")
    assert controls(terminal.getvalue().replace("\x1b[", "")) == []
    assert "\\u001b]0;X" in terminal.getvalue()
