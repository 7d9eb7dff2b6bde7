"""How commands speak: one way to print, one way to fail."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console
from rich.text import Text

NEEDS_PERSON = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended
_PIPE_WIDTH = 120  # columns, where there is no terminal to ask


def printer(*, to_stderr: bool = False) -> Console:
    """Return a console on standard output or error: colours and width of the terminal, plain lines into a pipe."""
    stream = sys.stderr if to_stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # an organisation's name must not end a run in a terminal without UTF-8
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def complain(text: str) -> None:
    """Say on standard error what is wrong, a line for each fault."""
    printer(to_stderr=True).print(Text(text, style="red"), soft_wrap=True)
