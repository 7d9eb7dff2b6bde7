"""An audit trail that was tampered with, in every way: it is found, and the row is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certmandate.audit.trail import AuditTrail, NotAnExport, faults
from renewal.adapters.order_book.audit_trails import DynamoDbAuditTrails
from renewal.adapters.order_book.schema import finished_item
from renewal.domain.audit.hash_chain import ChainHead, beginning, row_hash
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import Desk
from tests.certmandate.rao_samples import row
from tests.unit.system import NOW

Item = Mapping[str, Any]


def a_trail(count: int = 6, unnumbered: int = 0) -> AuditTrail:
    """A delegation's rows as they were added, read back from their export."""
    items: list[Item] = [finished_item(a_row(-number)) for number in range(unnumbered, 0, -1)]
    head = ChainHead(0, beginning(items))
    for number in range(count):
        items.append(finished_item(head.followed_by(a_row(number), "collect")))
        head = ChainHead.at(items[-1])
    trail = AuditTrail.of("univ", head, items)
    return AuditTrail.read(trail.text())


def a_row(number: int) -> Any:
    return replace(row(ended_at=NOW + timedelta(hours=number)), delegation="univ", token=f"token{number}")


TRAIL, OLDER = a_trail(), a_trail(4, unnumbered=3)
NUMBERS = st.integers(0, len(TRAIL.rows) - 1)


def tampered(rows: list[Item], trail: AuditTrail = TRAIL) -> str:
    """What is found when *rows* are in place of those of the trail."""
    return "\n".join(faults(replace(trail, rows=tuple(rows))))


@pytest.mark.parametrize("trail", [a_trail(0), a_trail(1), TRAIL, OLDER], ids=["empty", "one", "numbered", "older"])
def test_a_trail_as_it_was_added_has_no_fault(trail: AuditTrail) -> None:
    """A verification with false findings is not run again."""
    assert faults(trail) == ()
    assert faults(trail, trail.head) == ()


@given(
    number=NUMBERS,
    member=st.sampled_from(["serial", "reason", "status", "names", "identity", "previous_hash", "item", "new"]),
)
@settings(max_examples=60)
def test_a_changed_row_is_named(number: int, member: str) -> None:
    """Whatever was changed in it."""
    rows = list(TRAIL.rows)
    rows[number] = {**rows[number], member: "forged"}

    assert f"row {number + 1} (" in tampered(rows)


@given(number=NUMBERS, value=st.sampled_from([b"\xff", {"a", "b"}, Decimal("1.5"), {"deep": [{b"x"}]}, None, True]))
def test_a_row_with_a_value_of_any_type_is_named(number: int, value: object) -> None:
    """DynamoDB has types that no row of ours has; the export has them as they are hashed."""
    rows = list(TRAIL.rows)
    rows[number] = {**rows[number], "serial": value}
    forged = replace(TRAIL, rows=tuple(rows))

    assert f"row {number + 1} (" in "\n".join(faults(forged))
    assert faults(AuditTrail.read(forged.text())) == faults(forged)


@given(number=NUMBERS)
def test_a_removed_row_is_named(number: int) -> None:
    """The last one too, because the head has its number."""
    rows = [each for index, each in enumerate(TRAIL.rows) if index != number]

    assert f"row {number + 1} was removed" in tampered(rows)


@given(count=NUMBERS)
def test_a_truncated_trail_names_the_rows_that_are_missing(count: int) -> None:
    """An order that must not have happened is usually among the last ones."""
    missing = f"row {count + 1} was removed" if count == len(TRAIL.rows) - 1 else f"rows {count + 1} to 6 were removed"

    assert missing in tampered(list(TRAIL.rows[:count]))


@given(
    number=NUMBERS, place=NUMBERS, changes=st.sampled_from([{}, None, *({"sequence": n} for n in (-1, 0, 1.5, "x"))])
)
def test_an_inserted_row_is_named(number: int, place: int, changes: dict[str, Any] | None) -> None:
    """With the number of another row, with none, as rows of earlier versions have, or with one that no row can have."""
    forged = {**TRAIL.rows[number], "item": "finished#idp#forged", "token": "forged", **(changes or {})}
    if changes is None:
        del forged["sequence"]
    rows = [*TRAIL.rows[:place], forged, *TRAIL.rows[place:]]

    assert "finished#idp#forged" in tampered(rows)


@given(first=NUMBERS, second=NUMBERS, in_the_file=st.booleans())
def test_a_reordered_row_is_named(first: int, second: int, in_the_file: bool) -> None:
    """In the file, or by its number."""
    rows = list(TRAIL.rows)
    if in_the_file:
        rows[first], rows[second] = rows[second], rows[first]
    else:
        rows[first], rows[second] = ({**rows[second], "sequence": first + 1}, {**rows[first], "sequence": second + 1})
    found = tampered(rows)

    assert (not found) == (first == second)
    assert first == second or f"row {min(first, second) + 1} (" in found


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (ChainHead(6, "0" * 64), "row 6 ("),
        (ChainHead(5, row_hash(TRAIL.rows[4])), "row 6 ("),
        (ChainHead(0, beginning(())), "row 1 ("),
        (ChainHead(8, "0" * 64), "rows 7 to 8 were removed"),
    ],
    ids=["changed", "set back", "emptied", "set forward"],
)
def test_a_changed_head_names_the_rows_that_it_does_not_fit(head: ChainHead, found: str) -> None:
    """A principal that truncates a trail also sets its head back."""
    assert found in "\n".join(faults(replace(TRAIL, head=head)))


def test_a_trail_that_was_written_again_is_found_by_a_kept_head() -> None:
    """Who can write every row can write a chain that matches; the head in the RAO's report is out of reach."""
    shorter = a_trail(5)
    forged = a_trail(7)
    rows = list(forged.rows)
    rows[5] = {**rows[5], "serial": "0"}

    assert faults(shorter) == ()
    assert "row 6 was removed" in "\n".join(faults(shorter, TRAIL.head))
    assert "row 6 (" in "\n".join(faults(replace(forged, rows=tuple(rows)), TRAIL.head))


@pytest.mark.parametrize("change", ["removed", "changed", "inserted"])
def test_rows_of_an_earlier_version_are_held_by_the_first_with_a_number(change: str) -> None:
    """They were written without a chain, and are as they were when the chain began."""
    first, *others = OLDER.rows
    instead: dict[str, list[Item]] = {
        "removed": [],
        "changed": [{**first, "serial": "0"}],
        "inserted": [first, {**first, "item": "finished#idp#forged"}],
    }

    assert str(others[0]["item"]) in tampered([*instead[change], *others], OLDER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"schema": 1, "delegation": "univ", "head": {}, "rows": [7], "seals": []}',
        TRAIL.text().replace('"serial":', '"serial": "read by another program", "serial":', 1),
    ],
)
def test_another_file_is_not_taken_for_a_trail(text: str) -> None:
    """An empty list of faults about a wrong file would be believed."""
    with pytest.raises(NotAnExport):
        AuditTrail.read(text)


# ---- The commands ----------------------------------------------------------------------------------------------------


def overwrite(desk: Desk, **attributes: str) -> str:
    """Change the last audit row as an administrator could; return its key."""
    rows = list(DynamoDbAuditTrails(desk.system.aws.tables.audit).rows("univ"))
    last = max(rows, key=lambda row: int(row["sequence"]))
    for name, value in attributes.items():
        desk.system.aws.client("dynamodb").update_item(
            TableName=desk.system.aws.outputs["AuditTable"],
            Key={"delegation": {"S": "univ"}, "item": {"S": last["item"]}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
        )
    return str(last["item"])


def test_a_row_that_was_changed_is_found_live_and_in_an_export(sit: Sit, tmp_path: Path) -> None:
    """An export is verified without AWS, by whoever has it."""
    desk, before, after = sit("idp:20", "www:30"), tmp_path / "before.json", tmp_path / "after.json"
    assert desk.run("audit", "export", "univ", before).exit_code == 0
    assert desk.run("audit", "verify", before).exit_code == 0
    assert desk.run("audit", "verify", "univ").exit_code == 0

    item = overwrite(desk, serial="0")

    assert item in desk.refused("audit", "verify", "univ", code=1)
    assert desk.run("audit", "export", "univ", after).exit_code == 0
    found = desk.run("audit", "verify", after, "--json")
    assert found.exit_code == 1
    assert item in json.loads(found.stdout)["faults"][0]


def test_a_delegation_is_not_taken_for_a_file_of_its_name(
    sit: Sit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cron job would verify what was exported once, every day, and find nothing."""
    desk = sit("idp:20")
    monkeypatch.chdir(tmp_path)
    assert desk.run("audit", "export", "univ", "univ").exit_code == 0

    item = overwrite(desk, serial="0")

    assert item in desk.refused("audit", "verify", "univ", code=1)
    assert desk.run("audit", "verify", "./univ").exit_code == 0
    assert "cannot be read" in desk.refused("audit", "verify", "no-such.json")


def test_the_head_of_a_report_is_compared_with_the_trail(sit: Sit) -> None:
    """The RAO has it; who rewrites the audit trail cannot change it."""
    desk = sit("idp:20", "www:30")
    head = desk.document("report", "univ", "--month", "2026-11")["audit_head"]

    assert desk.run("audit", "verify", "univ", "--head", head).exit_code == 0
    number, _, value = head.partition(":")
    assert f"row {number}" in desk.refused("audit", "verify", "univ", "--head", f"{number}:{value[::-1]}", code=1)
    assert "NUMBER:HASH" in desk.refused("audit", "verify", "univ", "--head", "2")


def test_every_trail_is_verified_at_once(sit: Sit) -> None:
    """Who rewrites a trail chooses one that no one verifies: that of a retired delegation, or of the rules."""
    desk = sit("idp:20", "www:30")
    desk.run("renew", "--all-due", "--yes")

    clean = desk.document("audit", "verify")["trails"]
    item = overwrite(desk, serial="0")
    found = desk.run("audit", "verify")

    assert [(trail["delegation"], trail["faults"]) for trail in clean] == [("#estate", []), ("univ", [])]
    assert found.exit_code == 1
    assert "univ: row " in found.stderr
    assert item in found.stderr
    assert "actions that concern no single delegation ('#estate'): 1 row is as it was added" in found.stdout
    assert "of one audit trail" in desk.refused("audit", "verify", "--head", f"1:{'0' * 64}")
