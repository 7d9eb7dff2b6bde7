from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certmandate.audit.trail import is_genuine
from renewal.adapters.order_book.schema import finished_item
from renewal.deadline import Deadline
from renewal.domain.audit.hash_chain import ChainHead, beginning, newest
from renewal.domain.audit.seal import Seal
from renewal.domain.errors import AuditTrailTampered, RecordUnreadable, StoreUnavailable
from renewal.steps.seal_audit import SealAudit
from tests.unit.orders import an_order
from tests.unit.system import NOW


@dataclass
class Audit:
    """The audit table, the bucket, the key and the bus, in memory."""

    stored: dict[str, list[Any]] = field(default_factory=dict)
    sealed_rows: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    made: list[Seal] = field(default_factory=list)
    announced: list[Seal] = field(default_factory=list)
    is_down: bool = False
    now: datetime = NOW
    seconds: float = 0.0
    """What a trail takes."""
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def add(self, delegation: str, count: int = 1) -> None:
        rows = self.stored.setdefault(delegation, [])
        for _ in range(count):
            order = an_order(delegation=delegation, token=f"token-{len(self.made)}-{len(rows)}")
            row = order.failed_row("DcvLapsed", "expired", NOW + timedelta(hours=len(rows)))
            rows.append(finished_item(newest(rows).followed_by(row, "collect")))

    def delegations(self) -> Iterator[str]:
        return iter(self.stored)

    def rows(self, delegation: str) -> Iterator[Any]:
        return iter(self.stored.get(delegation, []))

    def head(self, delegation: str) -> ChainHead:
        return newest(self.stored.get(delegation, []))

    def last(self, delegation: str) -> ChainHead | None:
        heads = [seal.statement.head for seal in self.made if seal.statement.delegation == delegation]
        return heads[-1] if heads else None

    def put(self, seal: Seal, rows: Any) -> None:
        self.made.append(seal)
        self.now += timedelta(seconds=self.seconds)
        self.sealed_rows[seal.statement.delegation, str(seal.statement.head)] = list(rows)

    def public_key(self) -> str:
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b64encode(der).decode()

    def sign(self, message: bytes) -> str:
        if self.is_down:
            msg = "kms:Sign: AWS is busy or down"
            raise StoreUnavailable(msg)
        assert len(message) <= 4096
        return b64encode(self._key.sign(message, ec.ECDSA(SHA256()))).decode()

    def announce_seal(self, seal: Seal) -> None:
        self.announced.append(seal)

    def seal(self) -> tuple[str, ...]:
        deadline = Deadline(self.now + timedelta(seconds=900), lambda: self.now)
        return SealAudit(self, Bucket(self), self, self, lambda: self.now, deadline)()


@dataclass
class Bucket:
    """The bucket, which knows the delegations of its own seals."""

    audit: Audit

    def delegations(self) -> Iterator[str]:
        return (seal.statement.delegation for seal in self.audit.made)

    def last(self, delegation: str) -> ChainHead | None:
        return self.audit.last(delegation)

    def put(self, seal: Seal, rows: Any) -> None:
        self.audit.put(seal, rows)


@pytest.fixture
def audit() -> Audit:
    """Three rows of one delegation, which are sealed."""
    audit = Audit()
    audit.add("univ", 3)
    assert audit.seal() == ("univ",)
    return audit


def test_a_seal_covers_the_rows_since_the_last_one(audit: Audit) -> None:
    """The rows leave the reach of who can write to the table; the others were sealed before."""
    first = audit.last("univ")
    audit.add("univ", 2)

    assert audit.seal() == ("univ",)

    seal = audit.made[-1]
    assert (seal.statement.previous, seal.statement.head) == (first, audit.head("univ"))
    assert audit.sealed_rows["univ", str(seal.statement.head)] == audit.stored["univ"][3:]
    assert audit.announced == audit.made


def test_a_trail_without_new_rows_is_not_sealed_again(audit: Audit) -> None:
    """Nor is a delegation that has acknowledged orders only."""
    audit.stored["other"] = []

    assert audit.seal() == ()
    assert len(audit.made) == len(audit.announced) == 1


def test_rows_of_an_earlier_version_are_sealed_with_the_first(audit: Audit) -> None:
    """They have no number; the first row with one has their hash."""
    older = [{**row, "delegation": "old"} for row in audit.stored["univ"]]
    for row in older:
        del row["sequence"], row["previous_hash"]
    audit.stored["old"] = older

    assert audit.seal() == ("old",)
    assert audit.last("old") == ChainHead(0, beginning(older))
    audit.add("old")
    assert audit.seal() == ("old",)
    assert audit.made[-1].statement.previous == ChainHead(0, beginning(older[:3]))


def test_a_sealed_trail_that_was_deleted_whole_is_not_forgotten(audit: Audit) -> None:
    """The table does not know its delegation any more; the bucket does."""
    del audit.stored["univ"]

    with pytest.raises(AuditTrailTampered, match="univ: the audit trail ends with 0:"):
        audit.seal()


def rewritten(rows: list[Any]) -> list[Any]:
    """Rows with numbers and hashes that match, as who can write to the table could make them."""
    found: list[Any] = []
    for row in rows:
        head = newest(found)
        found.append({**row, "sequence": head.sequence + 1, "previous_hash": head.hash})
    return found


@pytest.mark.parametrize("how", ["changed", "removed", "inserted", "reordered", "truncated"])
@pytest.mark.parametrize("later", [0, 2])
def test_a_trail_that_was_written_again_is_not_sealed(audit: Audit, how: str, later: int) -> None:
    """A signature under a forged trail would be worse than none. Rows that orders add afterwards do not hide it."""
    first, second, third = audit.stored["univ"]
    forged = {
        "changed": [first, {**second, "serial": "0"}, third],
        "removed": [first, third],
        "inserted": [first, {**second, "item": "finished#idp#forged"}, second, third],
        "reordered": [second, first, third],
        "truncated": [first, second],
    }[how]
    audit.stored["univ"] = rewritten(forged)
    audit.add("univ", later)

    with pytest.raises(AuditTrailTampered, match="certmandate audit verify univ"):
        audit.seal()
    assert len(audit.made) == 1


def test_one_trail_that_cannot_be_sealed_does_not_stop_the_others(audit: Audit) -> None:
    """One delegation's damaged rows must not leave all others without a seal."""
    audit.stored["univ"].pop()
    audit.add("zoo")

    with pytest.raises(AuditTrailTampered, match="univ"):
        audit.seal()
    assert audit.last("zoo") == audit.head("zoo")


@pytest.mark.parametrize("value", [b"\xff", {"a", "b"}, Decimal("1.5"), [{"deep": {b"x"}}]])
def test_a_row_with_a_value_of_any_type_stops_no_other(audit: Audit, value: object) -> None:
    """`enroll` may add rows of any type of DynamoDB: one that could not be hashed left all trails without a seal."""
    audit.add("univ", 2)
    audit.stored["univ"][3]["text"] = value
    audit.add("zoo")

    with pytest.raises(AuditTrailTampered, match="univ"):
        audit.seal()
    assert audit.last("zoo") == audit.head("zoo")


def test_a_trail_that_leads_to_a_bug_stops_no_other(audit: Audit) -> None:
    """What is no row is an error that nothing foresees."""
    audit.add("univ")
    audit.stored["univ"].append(None)
    audit.add("zoo")

    with pytest.raises(RecordUnreadable, match="what the order book has of univ leads to an error"):
        audit.seal()
    assert audit.last("zoo") == audit.head("zoo")


def test_what_could_not_be_sealed_is_sealed_the_next_day(audit: Audit) -> None:
    """A day without KMS leaves no gap."""
    audit.add("univ")
    audit.is_down = True
    with pytest.raises(StoreUnavailable):
        audit.seal()
    audit.add("univ")
    audit.is_down = False

    assert audit.seal() == ("univ",)
    assert len(audit.sealed_rows["univ", str(audit.head("univ"))]) == 2


def test_each_trail_is_sealed_though_one_day_does_not_suffice(audit: Audit) -> None:
    """A function that is killed at the same trail each day would never seal those after it."""
    audit.made.clear()
    audit.seconds = 430
    for day in range(3):
        audit.now = NOW + timedelta(days=day)
        for name in ("univ", "other", "third"):
            audit.add(name)
        with pytest.raises(StoreUnavailable, match="no time was left"):
            audit.seal()

    sealed = [seal.statement.delegation for seal in audit.made]
    assert set(sealed[::2]) == {"univ", "other", "third"}


def test_a_changed_statement_does_not_have_the_signature(audit: Audit) -> None:
    """Whatever is changed: who, which row, since when; a key or a signature that is none is no error."""
    seal = audit.made[0]
    statement = seal.statement
    other = ChainHead(3, "0" * 64)
    changed = [
        replace(statement, delegation="other"),
        replace(statement, head=other),
        replace(statement, previous=other),
        replace(statement, sealed_at=NOW + timedelta(seconds=1)),
    ]

    assert is_genuine(seal)
    assert not any(is_genuine(replace(seal, statement=each)) for each in changed)
    for damaged in ("", "no base64", seal.signature[::-1], b64encode(b"no key").decode()):
        assert not is_genuine(replace(seal, signature=damaged))
        assert not is_genuine(replace(seal, public_key=damaged))
