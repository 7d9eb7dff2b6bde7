from __future__ import annotations

from tests.certmandate.conftest import Sit
from tests.certmandate.desk import OPEN_ORDER


def test_the_replacement_is_stored_before_anything_is_revoked(sit: Sit):
    """Revoking first takes the service down; and only the RAO can revoke."""
    desk = sit("idp:20")
    old = desk.certificate("idp").served
    assert old

    found = desk.document("revoke", "univ/idp", "--reason-code", "superseded", "--yes")

    assert (found["serial"], found["ssl_id"], found["reason_number"]) == (old.serial, old.ssl_id, 4)
    assert found["replacement"] == "stored"
    assert "rao@univ.example" in found["who"]
    assert f"numéro de série {old.serial} (idp.univ.example), motif superseded" in found["rao"]["fr"]
    new = desk.certificate("idp").served
    assert new
    assert new.serial != old.serial
    assert desk.run("revoke", "univ/idp", "--reason-code", "superseded", "--serial", old.serial, "--yes").exit_code == 1


def test_nothing_is_revoked_while_the_replacement_is_not_stored(sit: Sit):
    """SCM takes its time: the sentence says how to go on, and the RAO is not sent off."""
    desk = sit("idp:20", scm="dials: {outcome: requested}\n")

    result = desk.run("revoke", "univ/idp", "--reason-code", "superseded", "--yes")

    assert result.exit_code == 1
    assert "not stored yet" in result.stderr
    assert "Revoke" not in result.stdout


def test_a_compromised_key_waits_for_nothing(sit: Sit):
    """Every hour counts; the replacement is ordered beside it."""
    desk = sit("idp:20")

    found = desk.document("revoke", "univ/idp", "--reason-code", "keyCompromise", "--reason", "key in a log", "--yes")

    assert (found["replacement"], found["urgent"], found["reason_number"]) == ("ordered", True, 1)
    runs = desk.system.aws.client("stepfunctions").list_executions(
        stateMachineArn=desk.system.aws.outputs["StateMachineArn"]
    )["executions"]
    desk.system.end(runs[0]["executionArn"])
    assert len(desk.book.history("univ", "idp")) == 2


def test_a_service_that_ends_gets_no_replacement(sit: Sit):
    """CessationOfOperation is the end: ordering one more would be absurd."""
    desk = sit("idp:20")

    found = desk.document("revoke", "univ/idp", "--reason-code", "cessationOfOperation", "--yes")

    assert found["replacement"] == "none"
    assert desk.system.orders_posted() == 0


WRONG = (
    (("univ/www", "--reason-code", "superseded", "--yes"), "no served certificate"),
    (("univ/idp", "--reason-code", "superseded", "--serial", "FF", "--yes"), "never had serial"),
    (("univ/idp", "--reason-code", "superseded"), "Nothing was changed"),
    (("univ/idp", "--reason-code", "boredom"), "boredom"),
)


def test_what_cannot_be_revoked_is_said(sit: Sit):
    """The wrong certificate revoked is an outage that nothing undoes."""
    desk = sit("idp:20", "www")

    for arguments, told in WRONG:
        result = desk.run("revoke", *arguments)
        assert (result.exit_code, told in result.output) == (2, True)
    assert desk.system.orders_posted() == 0


def test_an_order_that_a_person_has_looked_at_is_closed_with_an_audit_row(sit: Sit):
    """It leaves a trace, and the next run may order anew at once: no hold, no page."""
    desk = sit("idp", scm=OPEN_ORDER)
    ssl_id = desk.certificate("idp").order.ssl_id  # type: ignore[union-attr]

    result = desk.run("close-order", "univ/idp", "--reason", "declined in SCM on Monday", "--yes")

    assert result.exit_code == 0
    assert f"SSL ID {ssl_id} and may still issue it" in result.stderr
    row = desk.book.history("univ", "idp")[-1]
    assert (row.status, row.error, row.text) == ("failed", "ClosedByOperator", "declined in SCM on Monday")
    assert desk.certificate("idp").order is None
    assert desk.document("status")["certificates"][0]["state"] == "new"
    assert desk.run("close-order", "univ/idp", "--reason", "again", "--yes").exit_code == 2


def test_an_order_is_not_closed_without_a_yes(sit: Sit):
    """With it goes the only key of what SCM may issue any minute."""
    desk = sit("idp", scm=OPEN_ORDER)

    assert desk.run("close-order", "univ/idp", "--reason", "x").exit_code == 2
    assert desk.run("close-order", "univ/idp", "--reason", " ", "--yes").exit_code == 2
    assert desk.certificate("idp").order


def test_what_scm_certified_already_is_closed_with_a_warning(sit: Sit):
    """The certificate is good, and only has to be stored: closing throws it away."""
    desk = sit("idp", scm=OPEN_ORDER)
    order = desk.certificate("idp").order
    assert order
    table = desk.system.aws.client("dynamodb")
    table.update_item(
        TableName=desk.system.aws.outputs["OrdersTable"],
        Key={"delegation": {"S": "univ"}, "item": {"S": "order#idp"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "issued"}},
    )

    result = desk.run("close-order", "univ/idp", "--reason", "x", "--yes")

    assert "SCM has issued a certificate for this order's key" in result.stderr
