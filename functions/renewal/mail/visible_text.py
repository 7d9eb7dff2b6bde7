"""The filter between texts of others and a mail, a terminal, a log or a file: no control character passes as it is.

A terminal obeys control characters: they set its title, move the cursor and overwrite what was printed, and controls of
the writing direction make a name look like another. Names in SCM, in files and on the command line may have them.
"""

from __future__ import annotations

import re

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 except tab and line feed, DEL, C1, controls of the writing direction, separators of lines, and half pairs."""


def visible(text: str) -> str:
    r"""Return *text* with control characters as `\u001b`, which JSON reads as the same character."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
