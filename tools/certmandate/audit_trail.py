"""The audit trail of one delegation in a file, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from renewal.domain.audit.chain import ChainHead, beginning, row_hash

Row = Mapping[str, Any]
_SCHEMA = 1


class NotAnExport(ValueError):
    """A file that `certmandate audit export` has not written; the text has the reason."""


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The rows of a delegation as they are stored, and the head of its chain."""

    delegation: str
    head: ChainHead
    rows: tuple[Row, ...]
    """Those without number first, by key, then by number."""

    @classmethod
    def of(cls, delegation: str, head: ChainHead, rows: Sequence[Row]) -> Self:
        """Return the trail with its rows in order."""
        return cls(delegation, head, tuple(sorted(rows, key=lambda row: (row.get("sequence", 0), row["item"]))))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an export. Raises NotAnExport."""
        try:
            stored = json.loads(text)
            head = ChainHead(int(stored["head"]["sequence"]), str(stored["head"]["hash"]))
            trail = cls(str(stored["delegation"]), head, tuple(stored["rows"]))
            if stored["schema"] == _SCHEMA and all(map(_is_row, trail.rows)):
                return trail
        except (ValueError, TypeError, LookupError, AttributeError):
            pass
        msg = "it is not an audit trail of schema 1 in JSON"
        raise NotAnExport(msg)

    def text(self) -> str:
        """Return the export: JSON with one row a line."""
        head = {"sequence": self.head.sequence, "hash": self.head.hash}
        rows = ",\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True, default=int) for row in self.rows)
        return (
            f'{{"schema": {_SCHEMA}, "delegation": {json.dumps(self.delegation)}, "head": {json.dumps(head)}, '
            f'"rows": [\n{rows}\n]}}\n'
        )


def _is_row(row: Any) -> bool:
    number = row.get("sequence", 1)
    return isinstance(row["item"], str) and isinstance(number, int) and number > 0


def faults(trail: AuditTrail, known: ChainHead | None = None) -> tuple[str, ...]:
    """Return what is wrong with *trail*, each with the row's name; empty when its rows are as they were added.

    *known*: a head that was kept elsewhere, for example in an earlier report to the RAO.
    """
    return tuple(dict.fromkeys((*_of_rows(trail), *_of_links(trail), *_of_ends(trail, known))))


def _of_rows(trail: AuditTrail) -> Iterator[str]:
    """Rows of another delegation, out of order, twice, or missing."""
    for row in trail.rows:
        if row.get("delegation") != trail.delegation:
            yield f"{_name(row)} was inserted: it is a row of another delegation"
    for earlier, later in pairwise(trail.rows):
        if later.get("sequence", 0) and later.get("sequence", 0) == earlier.get("sequence", 0):
            yield f"{_name(earlier)} or {_name(later)} was inserted: both have the same number"
        elif later.get("sequence", 0) < earlier.get("sequence", 0):
            yield f"{_name(later)} was moved: it stands after {_name(earlier)}"
    numbers = {0, *(row.get("sequence", 0) for row in trail.rows)}
    for earlier, later in pairwise(sorted({*numbers, max(trail.head.sequence, *numbers) + 1})):
        if later > earlier + 1:
            yield (
                f"row {earlier + 1} was removed"
                if later == earlier + 2
                else f"rows {earlier + 1} to {later - 1} were removed"
            )


def _of_links(trail: AuditTrail) -> Iterator[str]:
    """Rows that are not what the row after, or the head, has recorded of them."""
    numbered = {row["sequence"]: row for row in trail.rows if row.get("sequence")}
    unnumbered = [row for row in trail.rows if not row.get("sequence")]
    first = numbered[1].get("previous_hash") if 1 in numbered else beginning(unnumbered)
    if first == beginning(()):
        yield from (f"{_name(row)} was inserted: it has no number" for row in unnumbered)
    elif first != beginning(unnumbered):
        named = ", ".join(map(_name, (*unnumbered, numbered[1])))
        yield f"one of {named} was changed, or one without number was removed: they are not what row 1 has recorded"
    for number, row in sorted(numbered.items()):
        after = numbered.get(number + 1)
        if after and after.get("previous_hash") != row_hash(row):
            yield f"{_name(row)} or {_name(after)} was changed: the hash of the one is not what the other has recorded"


def _of_ends(trail: AuditTrail, known: ChainHead | None) -> Iterator[str]:
    for head, source in ((trail.head, "the head of the audit trail"), (known, "the head that was kept")):
        if head is None:
            continue
        last = next((row for row in trail.rows if row.get("sequence", 0) == head.sequence and head.sequence), None)
        if last is not None and row_hash(last) != head.hash:
            yield f"{_name(last)} was changed: it is not what {source} has recorded"
        if last is None and head is known and head.sequence:
            yield f"row {head.sequence} was removed: {source} names it"
    for row in trail.rows:
        if row.get("sequence", 0) > trail.head.sequence:
            yield f"{_name(row)} was inserted: the audit trail ends with row {trail.head.sequence}"


def _name(row: Row) -> str:
    """`row 7 (finished#idp#2026-11-23…#token)`; without number, the key alone."""
    return f"row {row['sequence']} ({row['item']})" if row.get("sequence") else f"row {row['item']}"
