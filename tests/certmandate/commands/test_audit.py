"""`certmandate audit`: the audit trail is exported, and verified as it is stored and from a file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.certmandate.conftest import Sit
from tests.certmandate.desk import Desk


def overwrite(desk: Desk, **attributes: str) -> str:
    """Change the last audit row as an administrator could; return its key."""
    rows = list(desk.book.audit_items("univ"))
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


def test_the_head_of_a_report_is_compared_with_the_trail(sit: Sit) -> None:
    """The RAO has it; who rewrites the audit trail cannot change it."""
    desk = sit("idp:20", "www:30")
    head = desk.document("report", "univ", "--month", "2026-11")["audit_head"]

    assert desk.run("audit", "verify", "univ", "--head", head).exit_code == 0
    number, _, value = head.partition(":")
    assert "row 2" in desk.refused("audit", "verify", "univ", "--head", f"{number}:{value[::-1]}", code=1)
    assert "NUMBER:HASH" in desk.refused("audit", "verify", "univ", "--head", "2")
