"""Commands on an order book with damaged items: they show the others, and name what is damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from renewal import records
from renewal.domain.alerts.memory import NotifiedProblems
from tests.certmandate.desk import Desk, seated
from tests.poison import NEWER

SPEC = {"names": ["idp.univ.example"], "profile_id": 1, "key_type": NEWER}
IDP = "the order book's item 'certificate#idp' of 'univ' cannot be read: 'spec': 'key_type' is not as it is written"


def put(desk: Desk, delegation: str, item: str, **attributes: Any) -> None:
    """Overwrite attributes of an item, or write a new one."""
    wire = TypeSerializer().serialize
    desk.system.aws.client("dynamodb").update_item(
        TableName=desk.system.aws.outputs["AuditTable" if item.startswith("finished#") else "OrdersTable"],
        Key={"delegation": {"S": delegation}, "item": {"S": item}},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
        ExpressionAttributeNames={f"#{name}": name for name in attributes},
        ExpressionAttributeValues={f":{name}": wire(value) for name, value in attributes.items()},
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """`www` is well; `idp`, an audit row, a rule, a retired delegation, the mark of an apply and `lost` are damaged."""
    with seated(tmp_path_factory.mktemp("damaged"), "idp:20", "www:20") as running:
        put(running, "univ", "certificate#idp", spec=SPEC)
        put(running, "univ", "finished#www#2026-11-20T08:00:00.000000Z#t", status=NEWER)
        put(running, "#estate", "replacement#bad#", issued_before=NEWER)
        put(running, "#estate", "retired#old", retired={"organisation": 7})
        put(running, "#estate", "removed#old", removed_at="2026-11-20T08:00:00.000000Z")
        put(running, "#estate", "apply#unfinished", begun_at=NEWER)
        put(running, "lost", "delegation", action="delegation", next_action_at="2026-11-20T08:00:00.000000Z", spec={})
        running.run("check", "univ")
        yield running


def test_status_shows_the_others_and_names_what_is_damaged(desk: Desk):
    """One damaged item must not hide the state of the estate."""
    found = desk.document("status")

    assert [(each["name"], each["state"]) for each in found["certificates"]] == [("www", "fine")]
    assert found["needs_person"]
    named = {
        error["text"].partition(" cannot be read")[0].removeprefix("the order book's item ")
        for error in found["unreadable"]
    }
    assert named == {
        "'certificate#idp' of 'univ'",
        "'delegation' of 'lost'",
        "'replacement#bad#' of '#estate'",
        "'retired#old' of '#estate'",
    }
    page = desk.run("status")
    assert page.exit_code == 1
    assert IDP in " ".join(page.output.split())
    assert NEWER not in page.output


def test_filters_of_status_leave_out_what_cannot_be_read(desk: Desk):
    """The exit code and the page are of what is selected: nobody knows the state of a damaged certificate.

    What is of no delegation stays. The rest is named, as with `--csv`.
    """
    found = desk.document("status", "--state", "expired")
    selected = desk.run("status", "--state", "expired")

    assert [error["text"].partition(" of ")[0] for error in found["unreadable"]] == [
        "the order book's item 'replacement#bad#'",
        "the order book's item 'retired#old'",
    ]
    assert (found["certificates"], found["delegations"]) == ([], [])
    assert f"Left out: {IDP}" in " ".join(selected.stderr.split())
    assert IDP not in " ".join(selected.stdout.split())


def test_status_names_a_delegation_that_was_lost_with_everything(desk: Desk):
    """Nothing of it is in the table; the last daily run had it, and no operator has removed it."""
    memory = NotifiedProblems(delegations=("lost", "old", "univ", "vanished"))
    bucket = {"Bucket": desk.system.aws.outputs["StoreBucket"], "Key": "runs/notified.json"}
    desk.system.aws.client("s3").put_object(**bucket, Body=json.dumps(records.to_json(memory)).encode())

    found, of_another = desk.document("status"), desk.document("status", "--delegation", "univ")
    desk.system.aws.client("s3").delete_object(**bucket)

    text = (
        "the order book has no item of 'vanished', which is neither removed nor retired: apply its file again, or "
        "`certmandate retire vanished` if it was ended"
    )
    assert [error["delegation"] for error in found["unreadable"] if error["text"] == text] == ["vanished"]
    assert len(found["unreadable"]) == 5
    assert "vanished" not in json.dumps(of_another)


@pytest.mark.parametrize(
    ("arguments", "shown", "named"),
    [
        (["show", "univ/www"], "www.univ.example", "'finished#www#2026-11-20T08:00:00.000000Z#t'"),
        (["check", "univ"], "step", "'certificate#idp'"),
        (["calendar"], "2027", "'certificate#idp'"),
        (["findings", "univ"], "univ", "'certificate#idp'"),
        (["plan", "{folder}"], "univ/www", "'certificate#idp'"),
    ],
)
def test_a_command_shows_the_rest_and_names_what_it_lacks(desk: Desk, arguments: list[str], shown: str, named: str):
    """A part that is shown without a notice would be taken for the whole."""
    result = desk.run(*(argument.format(folder=desk.folder) for argument in arguments))

    assert shown in result.output
    assert named in result.output
    assert NEWER not in result.output


def test_a_report_for_the_rao_names_what_it_lacks(desk: Desk, tmp_path: Any):
    """The page goes out in the operator's name."""
    result = desk.run("report", "univ", "--output", tmp_path)

    assert result.exit_code == 0
    assert {"'certificate#idp'", "'finished#www"} <= {
        part for part in ("'certificate#idp'", "'finished#www") if part in result.output
    }


def test_a_damaged_certificate_is_not_shown_as_unknown(desk: Desk):
    """`UnknownDelegation` would send the operator to the files."""
    result = desk.run("show", "univ/idp")

    assert result.exit_code == 1
    assert f"RecordUnreadable: {IDP}" in result.output


def test_nothing_is_retired_while_an_item_is_damaged(desk: Desk):
    """Its order may be open, and its key would be lost with the delegation."""
    result = desk.run("retire", "univ", "--yes")

    assert result.exit_code == 1
    assert IDP in result.output
    assert desk.certificate("www").stored


def test_apply_writes_the_others_and_leaves_the_damaged_one(desk: Desk):
    """A file of another delegation must not wait for a repair."""
    desk.rewrite("rao@univ.example", "new@univ.example")

    result = desk.run("apply", desk.folder, "--prune", "--yes")

    assert result.exit_code == 0, result.output
    assert desk.book.delegation("univ").delegation.rao_email == "new@univ.example"
    assert [error.certificate for error in desk.book.certificates("univ").unreadable] == ["idp"]
    assert desk.book.unfinished_apply() is None


def test_apply_repairs_the_spec_of_a_delegation(desk: Desk):
    """The file has all of it."""
    put(desk, "univ", "delegation", spec={"organisation": 7})

    result = desk.run("apply", desk.folder, "--yes")

    assert "~ univ\n" in result.output
    assert desk.book.delegation("univ").delegation.organisation == "Université d'Exemple"
