"""What no part of certmandate foresees costs the record that leads to it, and no other."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from renewal.domain.errors import RecordUnreadable


def unforeseen(error: Exception, delegation: str, certificate: str = "") -> RecordUnreadable:
    """Return the error of a record that leads to *error*: its type and its place, never a value.

    *certificate*: empty = it concerns the whole delegation.
    """
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(place.filename).name}:{place.lineno}"
    text = (
        f"what the order book has of {f'{delegation}/{certificate}' if certificate else delegation} leads to an error "
        f"that nothing foresees ({type(error).__name__}, {where}). Was it edited, or written by a newer version?"
    )
    return RecordUnreadable(text, delegation=delegation, certificate=certificate)
