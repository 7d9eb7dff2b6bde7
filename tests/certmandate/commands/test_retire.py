from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from moto.acm.models import acm_backends

from local.cloudformation.parameters import ACCOUNT, REGION
from renewal.domain.certificate.serial import printed_serial
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import CANARY, OPEN_ORDER

BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/idp/1"


def test_retire_stops_renewals_and_deletes_the_credential(sit: Sit):
    """Nothing may be ordered in the organisation's name; the audit rows are kept."""
    desk = sit("idp:20", "due:160", "www")

    found = desk.document("retire", "univ", "--grace-days", "7", "--yes")

    assert [certificate["certificate"] for certificate in found["still_valid"]] == ["due", "idp"]
    assert all(certificate["serial"] and certificate["ssl_id"] for certificate in found["still_valid"])
    assert list(desk.book.delegations()) == []
    assert list(desk.book.every_certificate()) == []
    assert len(desk.book.history("univ", "")) == 2
    described = desk.system.aws.client("secretsmanager").describe_secret(SecretId="certmandate/univ")
    assert described["DeletedDate"] > datetime.now(UTC) + timedelta(days=6)
    assert desk.system.run().status == "SUCCEEDED"
    assert desk.system.orders_posted() == 0


def test_the_keys_of_a_retired_delegation_are_exported(sit: Sit):
    """Its certificates stay valid; a monitor of Certificate Transparency logs must not call them foreign."""
    desk = sit("idp:20")
    keys = desk.run("export", "--public-keys").stdout

    assert desk.run("retire", "univ", "--yes").exit_code == 0
    assert len(keys.split()) == 1
    assert desk.run("export", "--public-keys").stdout == keys


def test_the_rao_removes_the_account_before_the_access_list(sit: Sit):
    """Otherwise an account remains that may order; in the reverse order it could be used from anywhere in between."""
    desk = sit("idp:20")
    printed = re.sub("[ \n]+", " ", desk.run("retire", "univ").stdout)

    found = desk.document("retire", "univ", "--yes")["rao_steps"]

    for title, steps in (("Pour le RAO, dans SCM", found["fr"]), ("For the RAO, in SCM", found["en"])):
        assert title in printed
        assert all(step in printed for step in steps)
        places = [next(i for i, step in enumerate(steps) if label in step) for label in ("Admins", "Domains", "ACL")]
        assert places == [0, 1, 2]
    assert "DRAO SSL of department 7" in printed


def test_retire_requires_the_typed_name(sit: Sit):
    """No other command ends so much at once."""
    desk = sit("idp:20")

    assert desk.run("retire", "univ", stdin="unvi\n").exit_code == 2
    unanswered = desk.run("retire", "univ")
    assert (unanswered.exit_code, "\nNothing was changed" in unanswered.stderr) == (2, True)
    assert list(desk.book.delegations()) == ["univ"]
    assert desk.run("retire", "univ", stdin="univ\n").exit_code == 0


def test_retire_is_refused_while_an_order_is_open(sit: Sit):
    """SCM may issue the certificate at any time, and its key would be destroyed; the page was printed before."""
    desk = sit("idp", scm=OPEN_ORDER)

    refused = desk.run("retire", "univ", "--yes")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "certmandate close-order univ/idp --reason" in refused.stderr
    assert desk.certificate("idp").order
    assert desk.secret()


def test_an_interrupted_retire_is_completed_by_the_next(sit: Sit):
    """After an interruption between order book and secret, the credential must not stay."""
    desk = sit("idp:20")
    desk.run("retire", "univ", "--yes")
    secrets = desk.system.aws.client("secretsmanager")
    secrets.restore_secret(SecretId="certmandate/univ")

    found = desk.document("retire", "univ", "--yes")

    assert [certificate["certificate"] for certificate in found["still_valid"]] == ["idp"]
    assert "DeletedDate" in secrets.describe_secret(SecretId="certmandate/univ")


def test_undo_restores_a_delegation_within_the_grace_days(sit: Sit):
    """The mandate may be extended at the last minute; nothing is ordered again."""
    desk = sit("idp:20")
    desk.system.run()
    before = desk.stored("idp")
    desk.run("retire", "univ", "--yes")

    assert desk.document("status")["unreadable"] == []
    assert desk.document("retire", "univ", "--undo", "--yes")["credential_restored"]
    assert [error["delegation"] for error in desk.document("status")["unreadable"]] == ["univ"]
    assert desk.run("apply", desk.folder, "--yes").exit_code == 0
    assert desk.run("adopt", "univ/idp", "--ssl-id", str(before.ssl_id), "--yes").exit_code == 0
    assert desk.document("status")["certificates"][0]["state"] == "fine"
    assert desk.run("retire", "univ", "--undo", "--yes").exit_code == 2


def test_an_interruption_at_the_question_is_no_answer(sit: Sit, monkeypatch: pytest.MonkeyPatch):
    """N6: exit 130; it was taken for a wrong name."""
    desk = sit("idp:20")

    def pressed(*_: object, **__: object) -> str:
        end = typer.Abort()
        end.__context__ = KeyboardInterrupt()  # as typer raises it
        raise end

    monkeypatch.setattr("typer.prompt", pressed)
    result = desk.run("retire", "univ")

    assert "was not typed" not in result.stderr
    assert "univ" in desk.book.delegations()


def test_an_undone_retirement_is_an_error_until_the_file_is_applied(sit: Sit):
    """After a daily run without it, nothing was renewed, and nothing said so."""
    desk = sit("idp:20")
    desk.run("retire", "univ", "--yes")
    desk.system.run()

    desk.run("retire", "univ", "--undo", "--yes")

    report = desk.system.run().report
    assert report
    assert [(row.delegation, row.error) for row in report.delegations] == [("univ", "RecordUnreadable")]
    text = "the retirement of 'univ' was undone, and nothing is renewed until its file is applied"
    assert text in report.delegations[0].text
    assert [each["text"].partition(":")[0] for each in desk.document("status")["unreadable"]] == [text]
    assert desk.run("status").exit_code == 1
    assert desk.run("apply", desk.folder, "--yes").exit_code == 0
    assert desk.document("status")["unreadable"] == []


def test_a_requested_revocation_outlives_retire_and_undo(sit: Sit):
    """The key is compromised, and after `--undo` the RAO was told that there was nothing to do."""
    desk = sit("idp:20")
    desk.run("revoke", "univ/idp", "--reason-code", "keyCompromise", "--no-replacement", "--yes")
    serial, ssl_id = printed_serial(desk.stored("idp").serial), desk.stored("idp").ssl_id

    (open_one,) = desk.document("retire", "univ", "--yes")["not_revoked"]
    status = " ".join(desk.run("status").stdout.split())
    undone = desk.document("retire", "univ", "--undo", "--yes")
    again = desk.document("retire", "univ", "--undo", "--yes")
    desk.run("apply", desk.folder, "--yes")

    assert serial in open_one
    assert f"SCM did not show the revocation of serial {serial}" in status
    assert undone["not_revoked"] == again["not_revoked"] == [open_one]
    assert undone["commands"] == ["certmandate apply DIR", f"certmandate adopt univ/idp --ssl-id {ssl_id}"]
    assert desk.run(*undone["commands"][1].split()[1:], "--yes").exit_code == 0
    assert "NotRevoked" in desk.run("status").stdout
    assert [each.serial for each in desk.book.delegation("univ").revocations] == [desk.stored("idp").serial]


def test_retire_prints_what_no_command_does_afterwards(sit: Sit):
    """The mandate promises a last report, and that keys are destroyed."""
    desk = sit("idp:20")
    desk.rewrite("names: [idp.univ.example]", 'names: [idp.univ.example], stores: ["s3", "acm:eu-west-3"]')
    desk.run("apply", desk.folder, "--yes")
    desk.run("renew", "univ/idp", "--yes")
    bucket = desk.system.aws.outputs["StoreBucket"]
    arns = desk.stored("idp").arns
    assert desk.run("report", "univ", "--month", f"{datetime.now(UTC):%Y-%m}", "--json").exit_code == 0

    result = desk.run("retire", "univ")

    assert f"`certmandate report univ --month {datetime.now(UTC):%Y-%m}`" in result.stdout
    assert f"`aws s3 rm s3://{bucket}/certificates/univ/ --recursive`" in result.stdout
    for region, arn in arns.items():
        assert f"`aws acm delete-certificate --region {region} --certificate-arn {arn}`" in result.stdout
    assert arns


def test_a_removed_delegation_has_its_reports(sit: Sit):
    """`--prune` is the other end of a delegation; its RAO asks the same."""
    desk, month = sit("idp:20", "due:160"), f"{datetime.now(UTC):%Y-%m}"
    desk.run("renew", "univ/due", "--yes")
    before = desk.document("report", "univ", "--month", month)
    other = desk.file.read_text(encoding="utf-8").replace("delegation: univ", "delegation: other").replace(": 7", ": 8")
    desk.file.with_name("other.yaml").write_text(other, encoding="utf-8")
    desk.file.unlink()
    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0

    after = desk.document("report", "univ", "--month", month)

    assert after["orders"] == before["orders"] != []
    assert after["retired_at"]


def test_a_retired_delegation_has_its_reports(sit: Sit, tmp_path: Path):
    """An RAO asked for the orders of a month after the end, and `report` knew the delegation no more."""
    desk, month = sit("idp:20", "due:160"), f"{datetime.now(UTC):%Y-%m}"
    desk.run("renew", "univ/due", "--yes")
    desk.run("revoke", "univ/idp", "--reason-code", "keyCompromise", "--no-replacement", "--yes")
    before = desk.document("report", "univ", "--month", month)
    found = desk.document("retire", "univ", "--yes")

    after = desk.document("report", "univ", "--month", month)
    written = desk.run("report", "univ", "--month", month, "--output", tmp_path)

    assert [order["certificate"] for order in before["orders"]] == ["due"]
    kept = "orders", "refusals", "acknowledged", "organisation", "department_id"
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert (before["retired_at"], after["retired_at"][:19]) == (None, found["retired_at"][:19])  # stored to the second
    assert [each["code"] for each in after["asks"]] == ["NotRevoked"]
    assert (after["next"], after["under_way"]) == ([], [])
    assert written.exit_code == 0
    (page,) = tmp_path.glob("*.html")
    assert "We ended the delegation on " in page.read_text(encoding="utf-8")
    assert "has no 'unvi'" in desk.refused("report", "unvi")


def test_what_still_uses_an_arn_is_named_before_nothing_watches_it(sit: Sit):
    """The ARN of the key type before was dropped with the record: a listener kept it until its certificate expired."""
    desk = sit("idp:20")
    desk.rewrite("names: [idp.univ.example]", f'names: [idp.univ.example], stores: ["acm:{REGION}"]')
    desk.run("apply", desk.folder, "--yes")
    desk.run("renew", "univ/idp", "--yes")
    (former,) = desk.stored("idp").arns.values()
    desk.rewrite("names: [idp.univ.example]", "names: [idp.univ.example], key: RSA-2048")
    desk.run("apply", desk.folder, "--yes")
    desk.run("renew", "univ/idp", "--yes")
    acm_backends[ACCOUNT][REGION].set_certificate_in_use_by(former, BALANCER)
    desk.rewrite("name: idp,", "name: login,")

    plan, listed = desk.document("plan", desk.folder, "--prune"), desk.document("plan", desk.folder)
    retired = desk.run("retire", "univ", stdin="no\n")
    found = desk.document("retire", "univ", "--yes")

    (use,) = found["uses"]
    assert use.startswith(f"univ/idp: {BALANCER} uses {former}, whose certificate is valid until ")
    assert [text for text in plan["warnings"] if text.startswith(use)]
    assert former not in " ".join(listed["warnings"])
    assert former in retired.stdout.partition("In use in AWS: no run renews or watches it any more")[2]
    assert any(former in command for command in found["key_deletions"])


@pytest.mark.parametrize("how", ["undone", "lost"])
def test_a_delegation_without_its_item_can_be_retired(sit: Sit, how: str):
    """Each daily run failed for it, and the one remedy was to apply a file that was to be deleted."""
    desk = sit("idp:20")
    desk.system.run()
    if how == "undone":
        desk.run("retire", "univ", "--yes")
        desk.run("retire", "univ", "--undo", "--yes")
    else:
        key = {"delegation": {"S": "univ"}, "item": {"S": "delegation"}}
        desk.system.aws.client("dynamodb").delete_item(TableName=desk.system.aws.outputs["OrdersTable"], Key=key)
    assert desk.system.run().status == "FAILED"

    found = desk.document("retire", "univ", "--yes")

    assert [each["certificate"] for each in found["still_valid"]] == (["idp"] if how == "lost" else [])
    assert found["credential_deleted_on"]
    assert list(desk.book.every_certificate()) == []
    assert desk.document("status")["unreadable"] == []
    assert desk.system.run().status == "SUCCEEDED"
    assert "was retired on" in desk.refused("apply", desk.folder, "--yes")
    assert "has no 'unvi'" in desk.refused("retire", "unvi", "--yes")


def test_an_interrupted_undo_is_completed_by_the_next(sit: Sit):
    """Its first write lifts the retirement; refused after that, the credential would be deleted within days."""
    desk = sit("idp:20")
    desk.run("retire", "univ", "--yes")
    assert desk.document("retire", "univ", "--undo", "--yes")["credential_restored"]
    secrets = desk.system.aws.client("secretsmanager")
    secrets.delete_secret(SecretId="certmandate/univ", RecoveryWindowInDays=7)  # as if it had not been restored

    assert desk.document("retire", "univ", "--undo", "--yes")["credential_restored"]
    assert desk.run("apply", desk.folder, "--yes").exit_code == 0
    assert desk.run("retire", "univ", "--undo", "--yes").exit_code == 2


def test_undo_schedules_the_rotation_of_a_password_again(sit: Sit):
    """Without rotation a password would expire and stop every renewal; an OAuth2 client has none."""
    desk = sit("idp:20")
    password = json.dumps({**desk.secret(), "password": CANARY})
    desk.run("credential", "univ", "--stdin", "--rotate-days", "22", stdin=password)
    secrets = desk.system.aws.client("secretsmanager")
    desk.run("retire", "univ", "--yes")
    assert not secrets.describe_secret(SecretId="certmandate/univ")["RotationEnabled"]

    assert desk.document("retire", "univ", "--undo", "--yes")["rotation_days"] == 22
    assert secrets.describe_secret(SecretId="certmandate/univ")["RotationEnabled"]
    desk.run("apply", desk.folder, "--yes")
    client = json.dumps({"client_id": "x", "client_secret": CANARY})
    desk.run("credential", "univ", "--oauth", "--stdin", stdin=client)
    desk.run("retire", "univ", "--yes")
    found = desk.document("retire", "univ", "--undo", "--yes")
    assert (found["credential_restored"], found["rotation_days"]) == (True, None)
