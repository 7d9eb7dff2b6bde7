"""What `make rehearse` requires of the commands in the documents, without executing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.rehearsal.bundles import RehearsalFailed
from stack.rehearsal.documented import Command, marked, require_marks
from tests.documents import ALL, typed

DONE = Command(("s3", "ls"), 0, "")
FAILED = Command(("cloudtrail", "lookup-events"), 255, "500")
MARKS = {"cloudtrail lookup-events": "not implemented"}


def test_a_command_that_failed_is_in_the_table_and_one_that_was_executed_is_not() -> None:
    """N12: what a document does not mark as not executed, works as it is written."""
    require_marks([DONE, FAILED], MARKS)


@pytest.mark.parametrize(
    ("commands", "fault"),
    [
        ([FAILED, Command(("s3", "ls"), 1, "no such bucket")], "aws s3 ls: no such bucket"),
        ([DONE, Command(("cloudtrail", "lookup-events"), 0, "")], "remove it from the table"),
        ([FAILED, Command(("cloudtrail", "lookup-events"), 0, "")], "aws cloudtrail lookup-events: 500"),
    ],
    ids=["not marked", "marked and executed", "executed once and failed once"],
)
def test_a_difference_from_the_table_fails_the_rehearsal(commands: list[Command], fault: str) -> None:
    """A table that is not compared becomes wrong."""
    with pytest.raises(RehearsalFailed, match=fault):
        require_marks(commands, MARKS)


def test_every_command_of_the_table_is_in_a_document(tmp_path: Path) -> None:
    """Without the tools of the rehearsal, a renamed command would leave its row."""
    found = set()
    for document in ALL:
        folder = tmp_path / document.name
        folder.mkdir()
        found |= {" ".join(call[1:3]) for call in typed(document, folder) if call[0] == "aws"}

    assert len(marked()) > 15
    assert marked().keys() <= found
