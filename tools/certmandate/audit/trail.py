"""The audit trail of one delegation, with its seals: in a file, and what is wrong with it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from renewal import records
from renewal.domain.audit.hash_chain import ChainHead, beginning, json_default, newest, number_of, row_hash
from renewal.domain.audit.seal import Seal
from renewal.mail.visible_text import visible

Row = Mapping[str, Any]
_SCHEMA = 1


class NotAnExport(ValueError):
    """A file that `certmandate audit export` has not written; the text has the reason."""


def is_genuine(seal: Seal) -> bool:
    """Return whether the signature of *seal* is that of its statement by its key."""
    try:
        key: Any = load_der_public_key(base64.b64decode(seal.public_key, validate=True))
        signature = base64.b64decode(seal.signature, validate=True)
        key.verify(signature, seal.statement.signed_bytes(), ec.ECDSA(SHA256()))
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm, InvalidSignature):
        return False
    return True


@dataclass(frozen=True, slots=True)
class SealedRows:
    """A seal, and the rows that were stored with it; an export has them in the trail only."""

    seal: Seal
    rows: tuple[Row, ...] = ()

    @property
    def name(self) -> str:
        """`the seal of row 7 (2026-11-30)`."""
        statement = self.seal.statement
        return f"the seal of row {statement.head.sequence} ({statement.sealed_at.date()})"


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The rows of a delegation as they are stored, the head of its chain, and its seals."""

    delegation: str
    head: ChainHead
    rows: tuple[Row, ...]
    """Those without number first, by key, then by number."""
    seals: tuple[SealedRows, ...] = ()
    """In the order in which they were made."""
    has_head: bool = True
    """Whether the head is stored; otherwise it is that of the newest row."""

    @classmethod
    def of(cls, delegation: str, head: ChainHead | None, rows: Sequence[Row], seals: Sequence[SealedRows] = ()) -> Self:
        """Return the trail with its rows and seals in order. *head*: as it is stored; None when it is not."""
        in_order = tuple(sorted(rows, key=lambda row: (number_of(row), row["item"])))
        made = tuple(sorted(seals, key=lambda sealed: sealed.seal.statement.head.sequence))
        return cls(delegation, head or newest(rows), in_order, made, has_head=head is not None)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an export. Raises NotAnExport."""
        try:
            stored = json.loads(text, object_pairs_hook=_each_once)
            head = stored["head"] and ChainHead(int(stored["head"]["sequence"]), str(stored["head"]["hash"]))
            rows = tuple(stored["rows"])
            seals = tuple(SealedRows(records.read(Seal, seal)) for seal in stored["seals"])
            if stored["schema"] == _SCHEMA and all(map(_is_row, rows)):
                return cls(str(stored["delegation"]), head or newest(rows), rows, seals, has_head=bool(head))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            pass
        msg = "it is not an audit trail of schema 1 in JSON"
        raise NotAnExport(msg)

    def text(self) -> str:
        """Return the export: JSON with one row, or one seal, a line; control characters as JSON escapes them."""
        head = {"sequence": self.head.sequence, "hash": self.head.hash} if self.has_head else None
        rows = ",\n".join(map(_line, self.rows))
        seals = ",\n".join(_line(records.to_json(sealed.seal)) for sealed in self.seals)
        return visible(
            f'{{"schema": {_SCHEMA}, "delegation": {json.dumps(self.delegation)}, "head": {json.dumps(head)}, '
            f'"rows": [\n{rows}\n], "seals": [\n{seals}\n]}}\n'
        )


def _line(document: Row) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, default=json_default)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. Raises ValueError for a repeated member: another program may read the other one."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and isinstance(row["item"], str)


def faults(trail: AuditTrail, known: ChainHead | None = None, key: str = "") -> tuple[str, ...]:
    """Return what is wrong with *trail*, each with the row's name; empty when its rows are as they were added.

    *known*: a head that was kept elsewhere, for example in an earlier report to the RAO. *key*: fingerprint of the key
    that signs seals, as `Seal.fingerprint`; empty = that of the first genuine seal.
    """
    every = (*_of_members(trail), *_of_rows(trail), *_of_links(trail), *_of_seals(trail, key), *_of_ends(trail, known))
    return tuple(dict.fromkeys(every))


def _of_members(trail: AuditTrail) -> Iterator[str]:
    """Rows of another delegation, or with a number that no row has."""
    for row in trail.rows:
        if row.get("delegation") != trail.delegation:
            yield f"{_name(row)} was inserted: it is a row of another delegation"
        if "sequence" in row and not number_of(row):
            yield f"{_name(row)} was inserted: its number, {row['sequence']}, is none that a row can have"


def _of_rows(trail: AuditTrail) -> Iterator[str]:
    """Rows out of order, twice, or missing."""
    for earlier, later in pairwise(trail.rows):
        if number_of(later) and number_of(later) == number_of(earlier):
            yield f"{_name(earlier)} or {_name(later)} was inserted: both have the same number"
        elif number_of(later) < number_of(earlier):
            yield f"{_name(later)} was moved: it stands after {_name(earlier)}"
    numbers = {0, *(number_of(row) for row in trail.rows)}
    for number, following in pairwise(sorted({*numbers, max(trail.head.sequence, *numbers) + 1})):
        if following > number + 1:
            yield (
                f"row {number + 1} was removed"
                if following == number + 2
                else f"rows {number + 1} to {following - 1} were removed"
            )


def _of_links(trail: AuditTrail) -> Iterator[str]:
    """Rows that are not what the row after, or the head, has recorded of them."""
    numbered = {number_of(row): row for row in trail.rows if number_of(row)}
    unnumbered = [row for row in trail.rows if "sequence" not in row]
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


def _of_seals(trail: AuditTrail, key: str) -> Iterator[str]:
    """Seals that were changed or removed, and rows that are not as they were sealed."""
    earlier = 0
    key = key or next((sealed.seal.fingerprint for sealed in trail.seals if is_genuine(sealed.seal)), "")
    for sealed in trail.seals:
        seal, statement = sealed.seal, sealed.seal.statement
        if not is_genuine(seal) or statement.delegation != trail.delegation:
            yield f"{sealed.name} was changed: it is not what was signed for {trail.delegation}"
            continue
        if seal.fingerprint != key:
            yield f"{sealed.name} was replaced: it was signed with another key, {seal.fingerprint}"
            continue
        if statement.previous.sequence > earlier:
            yield f"the seal of row {statement.previous.sequence} was removed: {sealed.name} follows it"
        earlier = statement.head.sequence
        yield from _of_sealed_rows(trail, sealed)


def _of_sealed_rows(trail: AuditTrail, sealed: SealedRows) -> Iterator[str]:
    now = {row["item"]: row for row in trail.rows}
    for row in sealed.rows:
        if row["item"] not in now:
            yield f"{_name(row)} was removed: {sealed.name} has it"
        elif row_hash(now[row["item"]]) != row_hash(row):
            yield f"{_name(row)} was changed: it is not as in {sealed.name}"


def _of_ends(trail: AuditTrail, known: ChainHead | None) -> Iterator[str]:
    if not trail.has_head and trail.head.sequence:
        yield f"the head of the audit trail was removed or damaged: the newest row is row {trail.head.sequence}"
    sealed = [(each.seal.statement.head, each.name) for each in trail.seals if is_genuine(each.seal)]
    kept = [*sealed, *([(known, "the head that was kept")] if known else [])]
    for head, source in ((trail.head, "the head of the audit trail"), *kept):
        last = next((row for row in trail.rows if number_of(row) == head.sequence and head.sequence), None)
        if last is not None and row_hash(last) != head.hash:
            yield f"{_name(last)} was changed: it is not what {source} has recorded"
        if last is None and head is not trail.head and head.sequence:
            yield f"row {head.sequence} was removed: {source} names it"
    for row in trail.rows:
        if number_of(row) > trail.head.sequence:
            yield f"{_name(row)} was inserted: the audit trail ends with row {trail.head.sequence}"


def _name(row: Row) -> str:
    """`row 7 (finished#idp#2026-11-23…#token)`; without number, the key alone."""
    return f"row {number} ({row['item']})" if (number := number_of(row)) else f"row {row['item']}"
