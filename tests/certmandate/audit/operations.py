"""The calls of AWS that commands make, and which of them change something without a row of the audit trail."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3.session

_READS = re.compile(r"(Get|List|Describe|Query|Scan|BatchGet|Filter)\w*")
_ROW = re.compile(r"(action|acknowledged|finished)#.*")
_MARK = "apply#unfinished"

Operation = tuple[str, tuple[str, ...]]
"""Name of the operation, and the sort keys that it writes."""

_made: list[Operation] = []


@cache
def session(**given: Any) -> Any:
    """Return one session for all commands: each would read botocore's descriptions of the services again."""
    made = boto3.session.Session(**given)
    made.events.register("provide-client-params", _note)
    return made


def _note(params: Any, model: Any, **_: Any) -> None:
    if threading.current_thread() is threading.main_thread():  # functions have threads of their own
        _made.append((model.name, tuple(_sort_keys(params))))


def _sort_keys(params: Any) -> Iterator[str]:
    for write in (each for action in params.get("TransactItems", [{"": params}]) for each in action.values()):
        item = write.get("Item") or write.get("Key")
        yield from [item["item"]["S"]] if isinstance(item, Mapping) and "item" in item else ()


@contextmanager
def operations() -> Iterator[list[Operation]]:
    """Collect the calls that the command of this block makes."""
    _made.clear()
    yield _made


def rows_in(made: Sequence[Operation]) -> int:
    """Return how many rows of audit trails were added."""
    return sum(bool(_ROW.fullmatch(key)) for _, keys in made for key in keys)


def changes(made: Sequence[Operation]) -> bool:
    """Return whether one of the calls changed something."""
    return any(not _READS.fullmatch(name) for name, _ in made)


def unrecorded(made: Sequence[Operation]) -> list[str]:
    """Return the calls that changed something before a row was added; of the order book, without any row.

    The writes of a large apply, and of a long rule, are several transactions, of which one has the row.
    """
    found = []
    for index, (name, keys) in enumerate(made):
        is_read = _READS.fullmatch(name) or keys == (_MARK,)
        if not (is_read or rows_in(made if keys else made[:index])):
            found.append(f"{name} {', '.join(keys)}".strip())
    return found
