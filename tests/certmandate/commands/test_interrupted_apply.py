from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from certmandate.commands.apply import make_plan
from certmandate.deployment import StackOptions, find
from certmandate.estate_changes import estate_change
from certmandate.files import spec_writer
from certmandate.files.spec_writer import SpecWriter
from renewal.adapters.order_book.table import Table
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import OPEN_ORDER, Desk


def apply_all(desk: Desk) -> None:
    """Apply the files as `apply` does, without its handling of Ctrl-C."""
    now = datetime.now(UTC)
    plan = make_plan(find(StackOptions()), desk.folder, now)
    writer = SpecWriter(desk.system.aws.tables)
    writer.write(estate_change(plan.loaded, plan.edits), now)


def test_a_spec_names_the_operator_who_applied_it(sit: Sit):
    """Of two operators, it must be known who had an organisation's certificate ordered."""
    desk = sit("idp:20")
    desk.rewrite("certificates:\n", "certificates:\n  - {name: www, names: [www.univ.example], key: P-384}\n")

    result = desk.run("apply", desk.folder, "--yes")

    assert result.exit_code == 0
    assert "2 written" not in result.stdout
    assert desk.certificate("www").spec.key_type == "P-384"
    assert desk.document("plan", desk.folder)["changes"] == []
    assert desk.document("show", "univ/www")["applied_by"].startswith("arn:aws:")
    assert desk.document("show", "univ/idp")["applied_by"] is None, "its spec was not written"


def test_only_prune_removes_records_and_never_an_open_order(sit: Sit):
    """A file deleted by mistake must not stop a renewal, nor destroy a key in use."""
    desk = sit("idp", "www", scm=OPEN_ORDER)
    desk.rewrite("  - {name: www, names: [www.univ.example]}\n", "")
    desk.rewrite("  - {name: idp, names: [idp.univ.example]}\n", "  - {name: new, names: [new.univ.example]}\n")

    assert desk.run("apply", desk.folder, "--yes").exit_code == 0
    assert {name for _, name in desk.book.every_certificate()} == {"idp", "www", "new"}
    assert "univ/idp: an order is open" in desk.refused("apply", desk.folder, "--prune", "--yes")
    assert ("univ", "www") in set(desk.book.every_certificate())
    desk.run("close-order", "univ/idp", "--reason", "declined in SCM", "--yes")
    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0
    assert [name for _, name in desk.book.every_certificate()] == ["new"]


def test_a_delegation_that_prune_removes_is_not_reported_as_lost(sit: Sit):
    """Each daily run failed for it from then on; then nothing said that its certificate is still valid."""
    desk = sit("idp:20")
    assert desk.system.run().status == "SUCCEEDED"
    keys = desk.run("export", "--public-keys").stdout
    desk.rewrite("delegation: univ", "delegation: other")
    assert "1 delegation with 1 valid certificate" in desk.run("apply", desk.folder, "--prune", stdin="n\n").stderr

    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0

    assert list(desk.book.delegations()) == ["other"]
    report = desk.system.run().report
    assert report
    assert [row.delegation for row in report.delegations] == ["other"]
    listed = desk.document("status")
    assert (listed["unreadable"], [each["delegation"] for each in listed["removed"]]) == ([], ["univ"])
    exported = desk.run("export", "--openmetrics").stdout
    assert 'certificate_not_after_timestamp_seconds{delegation="univ",certificate="univ/idp"}' in exported
    assert desk.run("export", "--public-keys").stdout == keys
    assert "univ/idp expires" in desk.run("calendar", "--ics").stdout
    assert [each["certificate"] for each in desk.document("retire", "univ", "--yes")["still_valid"]] == ["idp"]
    listed = desk.document("status")
    assert ([each["delegation"] for each in listed["retired"]], listed["removed"]) == (["univ"], [])


def test_plan_names_what_to_adopt_when_a_delegation_is_put_back(sit: Sit):
    """It promised an order that the next daily run refuses with OrderNotRecorded."""
    desk = sit("idp")
    assert desk.system.run().status == "SUCCEEDED"
    file = desk.file.read_text(encoding="utf-8")
    desk.rewrite("delegation: univ", "delegation: other")
    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0
    desk.file.write_text(file, encoding="utf-8")

    warned = [each for each in desk.document("plan", desk.folder)["warnings"] if each.startswith("univ/idp")]

    assert len(warned) == 1
    assert "certmandate adopt univ/idp --ssl-id" in warned[0]


@pytest.mark.parametrize("arguments", [("retire", "univ"), ("apply", "{folder}", "--prune")], ids=" ".join)
def test_a_removal_that_was_interrupted_hides_no_loss(
    sit: Sit, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
):
    """The delegation lived on with the mark of a removed one: when its item was lost later, no run reported it."""
    desk = sit("idp:20")
    assert desk.system.run().status == "SUCCEEDED"
    desk.rewrite("delegation: univ", "delegation: other")
    monkeypatch.setattr(spec_writer, "MOST_ACTIONS", 2)
    transact, key = Table.transact, {"delegation": {"S": "univ"}, "item": {"S": "delegation"}}

    def killed(table: Table, *writes: Any) -> None:
        if key in [write["Delete"]["Key"] for write in writes if "Delete" in write]:
            raise KeyboardInterrupt
        transact(table, *writes)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "transact", killed)
        assert desk.run(*(each.format(folder=desk.folder) for each in arguments), "--yes").exit_code != 0
    assert "univ" in desk.book.delegations()
    table = desk.system.aws.outputs["OrdersTable"]
    desk.system.aws.client("dynamodb").delete_item(TableName=table, Key=key)

    assert "univ" in [error["delegation"] for error in desk.document("status")["unreadable"]]
    report = desk.system.run().report
    assert report
    assert ("univ", "RecordUnreadable") in [(row.delegation, row.error) for row in report.delegations]


def removing(desk: Desk, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...], times: int) -> set[str]:
    """Kill the removal of a delegation *times* after it has deleted a certificate; return the serials to be revoked."""
    for name in ("idp", "www"):
        desk.document("revoke", f"univ/{name}", "--reason-code", "cessationOfOperation", "--yes")
    serials = {desk.stored(name).serial for name in ("idp", "www")}
    desk.rewrite("delegation: univ", "delegation: other")
    monkeypatch.setattr(spec_writer, "MOST_ACTIONS", 2)
    transact = Table.transact

    def killed(table: Table, *writes: Any) -> None:
        transact(table, *writes)
        if "certificate#" in str([write.get("Delete") for write in writes]):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Table, "transact", killed)
        assert 0 not in [desk.run(*arguments, "--yes").exit_code for _ in range(times)]
    return serials


@pytest.mark.parametrize("kind", ["retired", "removed"])
def test_a_removal_keeps_what_is_left_however_often_it_is_interrupted(
    sit: Sit, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """A repetition finds only the certificates that are not deleted: the RAO was never asked again to revoke a key."""
    desk = sit("idp:20", "www:20")
    arguments = ("retire", "univ") if kind == "retired" else ("apply", desk.folder, "--prune")
    serials = removing(desk, monkeypatch, arguments, times=2)

    assert desk.run(*arguments, "--yes").exit_code == 0

    (ended,) = (*desk.book.retired(), *desk.book.removed())
    assert {each.serial for each in ended.revocations} == serials
    assert {each.certificate for each in ended.certificates} == {"idp", "www"}
    assert desk.book.actions("univ", "idp")[-1].action == kind


@pytest.mark.parametrize("kind", ["retired", "removed"])
def test_a_removal_that_was_interrupted_is_put_back_with_what_the_rao_owes(
    sit: Sit, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """The file was moved by mistake: applying it again is the correction, and must not forget a key that leaked."""
    desk = sit("idp:20", "www:20")
    file = desk.file.read_text(encoding="utf-8")
    arguments = ("retire", "univ") if kind == "retired" else ("apply", desk.folder, "--prune")
    serials = removing(desk, monkeypatch, arguments, times=1)
    desk.file.write_text(file, encoding="utf-8")
    if kind == "retired":
        desk.run("retire", "univ", "--undo", "--yes")

    assert desk.run("apply", desk.folder, "--yes").exit_code == 0

    revocations = [*desk.book.delegation("univ").revocations]
    revocations += [each for certificate in desk.book.certificates("univ") for each in certificate.revocations]
    assert {each.serial for each in revocations} == serials


def test_an_interrupted_apply_is_completed_by_the_next(sit: Sit, monkeypatch: pytest.MonkeyPatch):
    """Several transactions are not atomic, so the order book records that work remains."""
    monkeypatch.setattr(spec_writer, "MOST_ACTIONS", 2)
    desk = sit("idp:20")
    more = "".join(f"  - {{name: n{index}, names: [n{index}.univ.example]}}\n" for index in range(5))
    desk.file.write_text(desk.file.read_text(encoding="utf-8") + more, encoding="utf-8")
    transact, written = Table.transact, []

    def killed(table: Table, *writes: Any) -> None:
        written.append(writes)
        if len(written) == 3:
            raise KeyboardInterrupt
        transact(table, *writes)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "transact", killed)
        with pytest.raises(KeyboardInterrupt):
            apply_all(desk)

    assert desk.run("status").exit_code == 1
    assert desk.document("status")["unfinished_apply"]
    result = desk.run("apply", desk.folder, "--yes")
    assert (result.exit_code, "was interrupted" in result.stdout) == (0, True)
    assert len(list(desk.book.every_certificate())) == 6
    assert desk.document("status")["unfinished_apply"] is None
