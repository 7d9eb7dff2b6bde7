"""The size of what a failed function leaves in the state machine.

A Map keeps the result of every iteration, with the caught error, in an output of at most 256 KiB (AWS:
step-functions/latest/dg/service-quotas.html). Thirty failed certificates must fit, whatever their errors are.
"""

from __future__ import annotations

import json
from contextlib import ContextDecorator
from types import TracebackType

LONGEST_MESSAGE = 3_500
"""Bytes of an error's text as Step Functions keeps it: a JSON text within a JSON text."""
MOST_FRAMES = 6
"""Innermost frames of a stack trace; a frame has about 250 bytes."""


class BoundedCause(ContextDecorator):
    """Decorates a handler: what it raises keeps its class, a text of bounded size, and the end of its stack trace."""

    def __enter__(self) -> None:
        """Change nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise *error* with less text."""
        if isinstance(error, Exception):
            error.args = tuple(bounded(text) if isinstance(text, str) else text for text in error.args)
            raise error.with_traceback(_innermost(trace))


def bounded(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Return the beginning of *text* that has at most *most* bytes as a JSON text within a JSON text."""
    kept, mark = text, ""
    while len(json.dumps(json.dumps(kept + mark))) > most:
        kept, mark = kept[: len(kept) * 9 // 10], "…"
    return kept + mark


def _innermost(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames[-MOST_FRAMES:][0] if frames else None
