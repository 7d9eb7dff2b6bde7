"""The one filter between texts of others and a terminal, a log or a file: no control character passes as it is.

A terminal obeys control characters: they set its title, move the cursor and overwrite what was printed, and controls of
the writing direction make a name look like another. Names in SCM, in files and on the command line may have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 except tab and line feed, DEL, C1, controls of the writing direction, separators of lines, and half pairs."""


def visible(text: str) -> str:
    r"""Return *text* with control characters as `\u001b`, which JSON reads as the same character."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def in_one_line(text: str) -> str:
    """Return *text* as `visible` does, and in one line, so that it cannot begin a line of a log."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


class VisibleStream:
    """A text stream that prints every control character as text."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        """The stream below, for rich, which filters texts before it adds its own control characters (`printing`)."""

    def write(self, text: str) -> int:
        """Write *text*."""
        return int(self.raw.write(visible(text)))

    def writelines(self, lines: Any) -> None:
        """Write every line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Return what the stream below has, except its bytes: they would pass by the filter."""
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.raw, name)


@contextmanager
def visible_output() -> Iterator[None]:
    """Filter all that is printed; also the traceback that the interpreter prints after an error, so it stays then."""
    import sys

    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = VisibleStream(out), VisibleStream(err)
    yield
    sys.stdout, sys.stderr = out, err
