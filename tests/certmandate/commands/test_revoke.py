from __future__ import annotations

import json

import pytest

from renewal.domain.certificate.serial import printed_serial
from tests.adapters.aws.records import a_pair
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import OPEN_ORDER, Desk


def test_the_replacement_is_stored_before_the_rao_is_asked_to_revoke(sit: Sit):
    """Revoking first takes the service down; only the RAO can revoke."""
    desk = sit("idp:20")
    old = desk.stored("idp")

    found = desk.document("revoke", "univ/idp", "--reason-code", "superseded", "--yes")

    assert (found["serial"], found["ssl_id"], found["reason_number"]) == (printed_serial(old.serial), old.ssl_id, 4)
    assert found["replacement"] == "stored"
    assert "rao@univ.example" in found["who"]
    assert f"numéro de série {printed_serial(old.serial)} (idp.univ.example), motif superseded" in found["rao"]["fr"]
    assert desk.stored("idp").serial != old.serial
    pasted = f"serial={old.serial}"  # as `openssl x509 -serial` prints it
    assert desk.run("revoke", "univ/idp", "--reason-code", "superseded", "--serial", pasted, "--yes").exit_code == 1
    assert "not a serial in hexadecimal" in desk.refused(
        "revoke", "univ/idp", "--reason-code", "superseded", "--serial", "x"
    )


@pytest.mark.parametrize(
    ("code", "when"),
    [
        ("superseded", "once every server presents the new certificate"),
        ("keyCompromise", "now"),
        ("cessationOfOperation", "when the service has ended"),
    ],
)
def test_the_rao_is_not_asked_to_revoke_what_a_server_presents(sit: Sit, code: str, when: str):
    """It printed "check every server" and then "send this to the RAO now": only a compromised key cannot wait."""
    desk = sit("idp:20")
    desk.rewrite("names: [idp.univ.example]", "names: [idp.univ.example], served_at: ['idp.univ.example:8443']")
    desk.run("apply", desk.folder, "--yes")

    result = desk.run("revoke", "univ/idp", "--reason-code", code, "--yes")

    assert f"Send this to the RAO {when} (" in result.stdout
    is_replaced = code != "cessationOfOperation"
    unverified = "Not verified to present the new certificate\n  - idp.univ.example:8443\n"
    assert (unverified in result.stdout) == is_replaced
    assert ("remplacé sur tous les serveurs" in result.stdout) == (code == "superseded")


def test_without_a_stored_replacement_the_rao_is_not_asked(sit: Sit):
    """The RAO would take the service down; the error has how to continue once SCM has issued."""
    desk = sit("idp:20", scm="dials: {outcome: requested}\n")

    result = desk.run("revoke", "univ/idp", "--reason-code", "superseded", "--yes")

    assert (result.exit_code, "not stored yet" in result.stderr, "Revoke" in result.stdout) == (1, True, False)


def test_a_compromised_key_is_revoked_without_waiting(sit: Sit):
    """Every hour counts; the replacement is ordered in parallel."""
    desk = sit("idp:20")

    found = desk.document("revoke", "univ/idp", "--reason-code", "keyCompromise", "--reason", "key in a log", "--yes")

    assert (found["replacement"], found["urgent"], found["reason_number"]) == ("ordered", True, 1)
    runs = desk.system.aws.client("stepfunctions").list_executions(
        stateMachineArn=desk.system.aws.outputs["StateMachineArn"]
    )["executions"]
    desk.system.end(runs[0]["executionArn"])
    assert len(desk.book.history("univ", "idp")) == 2


def test_without_a_replacement_one_is_ordered_when_scm_shows_the_revocation(sit: Sit):
    """`revoke` printed that the next daily run orders one; it does when the certificate is revoked, and not before."""
    desk = sit("idp:20")
    printed = desk.run("revoke", "univ/idp", "--reason-code", "superseded", "--no-replacement", "--yes").stdout

    posted = []
    for _ in range(2):
        desk.system.run()
        posted.append(desk.system.orders_posted())
        desk.system.simulator.revoke(desk.stored("idp").ssl_id)

    assert "The run that finds it revoked orders one, unless it has left its file." in printed
    assert posted == [0, 1]


def test_a_requested_revocation_outlives_its_certificate(sit: Sit):
    """The operator takes the certificate of a service that has ended out of the file, before the RAO has revoked it."""
    desk = sit("idp:20", "www:20")
    found = desk.document("revoke", "univ/idp", "--reason-code", "cessationOfOperation", "--yes")
    assert (found["replacement"], desk.system.orders_posted()) == ("none", 0), "a new certificate would be useless"
    kept = [line for line in desk.file.read_text(encoding="utf-8").splitlines() if "name: idp," not in line]
    desk.file.write_text("\n".join(kept), encoding="utf-8")

    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0
    assert desk.run("apply", desk.folder, "--yes").exit_code == 0

    assert [each.spec.name for each in desk.book.certificates("univ")] == ["www"]
    serial = desk.book.delegation("univ").revocations[0].serial
    assert serial in desk.run("status").stdout.replace(":", "")
    assert serial in desk.document("retire", "univ", "--yes")["not_revoked"][0].replace(":", "")


def test_a_requested_revocation_outlives_a_pruned_delegation(sit: Sit):
    """A file that was moved by mistake erased the request for a key that is compromised, without a word."""
    desk = sit("idp:20", "www:20")
    found = desk.document("revoke", "univ/idp", "--reason-code", "cessationOfOperation", "--yes")
    file = desk.file.read_text(encoding="utf-8")
    desk.rewrite("delegation: univ", "delegation: other")

    pruned = desk.run("apply", desk.folder, "--prune", "--yes")

    assert f"univ: the revocation of serial {found['serial']} was requested" in " ".join(pruned.stdout.split())
    assert "univ was removed from the order book" in desk.run("status").stdout
    assert found["serial"] in desk.run("status").stdout
    desk.file.write_text(file, encoding="utf-8")
    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0
    assert "NotRevoked" in desk.run("status").stdout
    assert [each["delegation"] for each in desk.document("status")["removed"]] == []


def test_close_order_writes_an_audit_row_and_ends_the_order(sit: Sit):
    """Closing erases the only key, so it needs a reason and a confirmation; the next run may order immediately."""
    desk = sit("idp", scm=OPEN_ORDER)
    order = desk.certificate("idp").order
    assert order
    close = ("close-order", "univ/idp", "--reason")
    assert desk.run(*close, "x").exit_code == 2
    assert desk.run(*close, " ", "--yes").exit_code == 2
    assert desk.certificate("idp").order == order

    result = desk.run(*close, "declined in SCM on Monday", "--yes")

    assert result.exit_code == 0
    assert f"SSL ID {order.ssl_id} and may still issue it" in result.stderr
    row = desk.book.history("univ", "idp")[-1]
    assert (row.status, row.error, row.text) == ("failed", "ClosedByOperator", "declined in SCM on Monday")
    assert row.identity.startswith("arn:aws:"), "of two operators, it is known which one it was"
    assert desk.certificate("idp").order is None
    assert desk.document("status")["certificates"][0]["state"] == "new"
    assert desk.run(*close, "again", "--yes").exit_code == 2


def issue(desk: Desk, *stores: str) -> str:
    """Let the open order be issued, and stored in *stores*; return the serial."""
    chain = a_pair().chain
    desk.system.aws.client("dynamodb").update_item(
        TableName=desk.system.aws.outputs["OrdersTable"],
        Key={"delegation": {"S": "univ"}, "item": {"S": "order#idp"}},
        UpdateExpression="SET #s = :s, chain = :chain, stores = :stores",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={
            ":s": {"S": "issued"},
            ":chain": {"S": chain.pem()},
            ":stores": {"L": [{"S": store} for store in stores]},
        },
    )
    return chain.leaf.serial


def test_close_order_warns_when_the_certificate_is_already_issued(sit: Sit):
    """The certificate only has to be stored: closing the order discards it."""
    desk = sit("idp", scm=OPEN_ORDER)
    issue(desk)

    result = desk.run("close-order", "univ/idp", "--reason", "x", "--yes")

    assert "SCM has issued a certificate for this order's key" in result.stderr


def test_close_order_leaves_an_order_that_only_has_to_be_recorded(sit: Sit):
    """A run was killed after S3 had the certificate: closing would record a failure of what is stored."""
    desk = sit("idp", scm=OPEN_ORDER)
    serial = issue(desk)
    folder, store = "certificates/univ/idp", desk.system.aws.outputs["StoreBucket"]
    order = desk.certificate("idp").order
    assert order
    pointer = {"serial": serial, "not_before": "2026-11-29T00:00:00Z", "path": f"{folder}/{serial}/"}
    for key, body in ((f"{serial}/cert.pem", order.chain), ("current.json", json.dumps(pointer))):
        desk.system.aws.client("s3").put_object(Bucket=store, Key=f"{folder}/{key}", Body=body.encode())

    assert "S3 has the certificate" in desk.refused("close-order", "univ/idp", "--reason", "x", "--yes", code=2)
    assert desk.certificate("idp").order


def test_close_order_keeps_what_a_store_has(sit: Sit):
    """The order book would go on to name the certificate before it, and S3's key of this one would never be erased."""
    desk = sit("idp", scm=OPEN_ORDER)
    serial = issue(desk, "s3")
    assert "stored in s3 only" in desk.document("show", "univ/idp")["next"]

    result = desk.run("close-order", "univ/idp", "--reason", "ACM's quota", "--yes")

    stored = desk.certificate("idp").stored
    assert "is stored in s3, and stays there after the order is closed" in result.stderr
    assert stored
    assert (stored.serial, stored.stores) == (serial, ("s3",))
    row = desk.book.history("univ", "idp")[-1]
    assert (row.status, row.serial, row.text) == ("stored", serial, "ACM's quota")
