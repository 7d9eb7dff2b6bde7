"""The size of what a failed function leaves in the state machine.

A Map keeps the result of every iteration, with the caught error, in an output of at most 256 KiB (AWS:
step-functions/latest/dg/service-quotas.html). As many failed certificates as a raised cap permits
(`MOST_ORDERS_PER_DELEGATION`, 150) must fit, whatever their errors are.
"""

from __future__ import annotations

import json
import traceback
from contextlib import ContextDecorator
from types import TracebackType

MOST_BYTES = 1_150
"""Of an error's text and its stack trace as Step Functions keeps them: a JSON text within a JSON text."""
LONGEST_MESSAGE = 800
"""Bytes of the text, as Step Functions keeps it. The report quotes at most 500 characters of it."""

MOST_FRAMES = 12
"""Innermost frames of a stack trace that are tried: no more can fit."""


class BoundedCause(ContextDecorator):
    """Decorates a handler: what it raises keeps its class, a text of bounded size, and as much of its stack trace."""

    def __enter__(self) -> None:
        """Change nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        """Shorten the text and the stack trace of *error*, which is raised on."""
        if isinstance(error, Exception):
            error.args = tuple(bounded(text) if isinstance(text, str) else text for text in error.args)
            error.__traceback__ = _innermost(trace, MOST_BYTES - _size(str(error)))


def bounded(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Return the beginning of *text* that has at most *most* bytes as a JSON text within a JSON text."""
    kept, mark = text, ""
    while _size(kept + mark) > most:
        kept, mark = kept[: len(kept) * 9 // 10], "…"
    return kept + mark


def _innermost(trace: TracebackType | None, most: int) -> TracebackType | None:
    """Return the end of *trace* that has at most *most* bytes; None when its last frame has more."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    fitting = (frame for frame in frames[-MOST_FRAMES:] if sum(map(_size, traceback.format_tb(frame))) <= most)
    return next(fitting, None)


def _size(text: str) -> int:
    return len(json.dumps(json.dumps(text)))
