"""Sealed audit trails: what was written again, numbers, hashes and head included, is found and named."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import seal_audit
from certmandate.audit.trail import AuditTrail, SealedRows, faults
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.schema import HEAD, head_item
from renewal.domain.audit.hash_chain import ChainHead, beginning, newest, number_of, row_hash
from renewal.domain.audit.seal import Seal, SealStatement
from renewal.domain.errors import AuditTrailTampered
from tests.call_depth import CONTEXT
from tests.certmandate.audit.test_audit_trail import a_trail
from tests.certmandate.desk import Desk, seated
from tests.unit.system import NOW

Item = Mapping[str, Any]
KEY = ec.generate_private_key(ec.SECP256R1())


def stored_rows(desk: Desk) -> list[Item]:
    """The rows as the table has them."""
    return sorted(DynamoDbAuditTrails(desk.system.aws.tables.audit).rows("univ"), key=number_of)


def seal(desk: Desk) -> None:
    """Run the function that the schedule invokes every day."""
    seal_audit.handler({}, CONTEXT)


def delete(desk: Desk, sort_keys: Iterable[str]) -> None:
    """Delete items of the delegation's trail."""
    table, client = desk.system.aws.outputs["AuditTable"], desk.system.aws.client("dynamodb")
    for name in sort_keys:
        client.delete_item(TableName=table, Key={"delegation": {"S": "univ"}, "item": {"S": name}})


def write_again(desk: Desk, rows: list[Item]) -> None:
    """Replace the whole trail by *rows* with numbers and hashes that match, and the head, as an administrator could."""
    table, client = desk.system.aws.outputs["AuditTable"], desk.system.aws.client("dynamodb")
    delete(desk, [row["item"] for row in stored_rows(desk)])
    done: list[Item] = []
    for row in rows:
        head = newest(done)
        done.append({**row, "sequence": head.sequence + 1, "previous_hash": head.hash})
    for item in (*done, head_item("univ", newest(done))):
        client.put_item(TableName=table, Item={name: TypeSerializer().serialize(value) for name, value in item.items()})


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Path, list[Item]]]:
    """A delegation with three rows that are sealed, one of its apply: its desk, its export, and its rows."""
    with seated(tmp_path_factory.mktemp("sealed"), "idp:20", "www:30") as desk:
        seal(desk)
        export = tmp_path_factory.mktemp("export") / "univ.json"
        assert desk.run("audit", "export", "univ", export).exit_code == 0
        rows = stored_rows(desk)
        yield desk, export, rows
        write_again(desk, rows)


@pytest.mark.parametrize("how", ["changed", "removed", "inserted", "reordered", "truncated"])
def test_a_trail_that_was_written_again_is_found_by_its_seal(
    sealed: tuple[Desk, Path, list[Item]], how: str, tmp_path: Path
) -> None:
    """Fault S4: numbers, hashes and head match, so that without a seal nothing is found. Each names the first row."""
    desk, export, (first, second, third) = sealed
    extra = {**second, "item": f"{second['item']}-extra", "token": "extra"}
    forged, named = {
        "changed": ([first, {**second, "serial": "0"}, third], [str(second["item"])]),
        "removed": ([first, third], [str(second["item"])]),
        "inserted": ([first, extra, second, third], [str(second["item"])]),
        "reordered": ([second, first, third], [str(first["item"]), str(second["item"])]),
        "truncated": ([first, second], ["row 3"]),
    }[how]
    write_again(desk, forged)
    after = tmp_path / "after.json"
    assert desk.run("audit", "export", "univ", after).exit_code == 0

    live = desk.refused("audit", "verify", "univ", code=1)
    assert all(name in live for name in named)
    assert "row 3" in desk.refused("audit", "verify", after, code=1)
    assert desk.run("audit", "verify", export).exit_code == 0
    with pytest.raises(AuditTrailTampered, match="univ"):
        seal(desk)


def test_a_trail_that_was_deleted_whole_is_found_by_its_seal(sealed: tuple[Desk, Path, list[Item]]) -> None:
    """The table has no item of the delegation any more."""
    desk, _, rows = sealed
    delete(desk, [HEAD, *(row["item"] for row in rows)])

    with pytest.raises(AuditTrailTampered, match="univ"):
        seal(desk)

    write_again(desk, rows)


def test_an_export_names_the_key_and_each_damaged_seal(sealed: tuple[Desk, Path, list[Item]], tmp_path: Path) -> None:
    """It is verified without AWS; the key's fingerprint is in the RAO's report."""
    desk, export, rows = sealed
    write_again(desk, rows)
    key = desk.document("report", "univ", "--month", "2026-11")["audit_sealed"]["key"]
    assert f"signed with the key {key}" in desk.run("audit", "verify", export, "--key", key).stdout
    assert "another key" in desk.refused("audit", "verify", export, "--key", "0" * 64, code=1)

    document = json.loads(export.read_text())
    (signed,) = document["seals"]
    forged = tmp_path / "forged.json"
    for change in ({"signature": signed["public_key"]}, {"statement": {**signed["statement"], "delegation": "other"}}):
        forged.write_text(json.dumps({**document, "seals": [{**signed, **change}]}))
        assert "the seal of row 3" in desk.refused("audit", "verify", forged, code=1)


def the_seals(trail: AuditTrail) -> list[Seal]:
    """Of the rows 2, 4 and 6."""
    heads = [ChainHead(number, row_hash(trail.rows[number - 1])) for number in (2, 4, 6)]
    begin = ChainHead(0, beginning(()))
    return [signed(SealStatement("univ", head, previous, NOW)) for previous, head in pairwise((begin, *heads))]


def found_in(trail: AuditTrail, seals: Iterable[Seal]) -> str:
    """What is found when the trail has *seals*."""
    return "\n".join(faults(replace(trail, seals=tuple(map(SealedRows, seals)))))


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("changed", "the seal of row 5 (2026-11-23) was changed"),
        ("removed", "the seal of row 4 was removed"),
        ("inserted", "it is not what the seal of row 5 (2026-11-23) has recorded"),
        ("reordered", "the seal of row 2 was removed"),
        ("of another trail", "the seal of row 4 (2026-11-23) was changed"),
        ("by another key", "the seal of row 6 (2026-11-23) was replaced: it was signed with another key"),
    ],
)
def test_a_seal_that_was_tampered_with_is_named(how: str, named: str) -> None:
    """A principal that removes a row from an export removes its seal, too."""
    trail = a_trail()
    first, second, third = the_seals(trail)
    forged = replace(second.statement, head=ChainHead(5, "0" * 64))
    seals = {
        "changed": (first, replace(second, statement=forged), third),
        "removed": (first, third),
        "inserted": (first, second, signed(forged), third),
        "reordered": (second, first, third),
        "by another key": (first, second, signed(third.statement, ec.generate_private_key(ec.SECP256R1()))),
        "of another trail": (first, signed(replace(second.statement, delegation="other")), third),
    }

    assert found_in(trail, (first, second, third)) == ""
    assert named in found_in(trail, seals[how])


def test_a_row_that_is_missing_is_named_by_its_seal() -> None:
    """Head and rows match without it."""
    assert "row 6 was removed: the seal of row 6" in found_in(a_trail(5), the_seals(a_trail()))


def signed(statement: SealStatement, key: ec.EllipticCurvePrivateKey = KEY) -> Seal:
    """Return a seal by *key*."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = key.sign(statement.signed_bytes(), ec.ECDSA(SHA256()))
    return Seal(statement, b64encode(der).decode(), b64encode(signature).decode())


def test_a_seal_is_kept_and_counts_also_behind_a_delete_marker(sealed: tuple[Desk, Path, list[Item]]) -> None:
    """A principal that has changed the bucket's policy can add a delete marker, and then forge the trail."""
    desk, _, _ = sealed
    s3, bucket = desk.system.aws.client("s3"), desk.system.aws.outputs["AuditBucket"]
    (found,) = s3.list_object_versions(Bucket=bucket, Prefix="audit/univ/")["Versions"]
    retention = s3.head_object(Bucket=bucket, Key=found["Key"])
    assert retention["ObjectLockMode"] == "GOVERNANCE"
    assert retention["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=3600)

    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket_policy(Bucket=bucket)
    try:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="audit/univ/")
    assert desk.document("report", "univ", "--month", "2026-11")["audit_sealed"]
    seal(desk)
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="audit/univ/")["Versions"]) == 1


@pytest.mark.parametrize("content", [b"", b'{"statement": ', b"[" * 100_000], ids=["empty", "cut", "nested"])
def test_a_sealed_object_that_cannot_be_read_is_named(sealed: tuple[Desk, Path, list[Item]], content: bytes) -> None:
    """It can be added, by a principal that has changed the bucket's policy."""
    desk, _, _ = sealed
    s3, bucket = desk.system.aws.client("s3"), desk.system.aws.outputs["AuditBucket"]
    key = f"audit/univ/000000000009-{len(content):064x}.json"
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)

    assert "is not what seal_audit writes" in desk.refused("audit", "verify", "univ", code=1)
