"""Output in which every control character is printed as text (`renewal.mail.visible_text`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from renewal.mail.visible_text import visible


def in_one_line(text: str) -> str:
    """Return *text* as `visible` does, and in one line, so that it cannot begin a line of a log."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


UNENCODABLE = "backslashreplace"
"""How Python prints what an encoding lacks: as its number (`\\u2192`)."""


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
