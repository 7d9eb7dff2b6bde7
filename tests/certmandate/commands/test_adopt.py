from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from tests.certmandate.desk import Desk
from tests.throwaway_ca import hierarchy, pem

ESTATE = ("idp:20", "other:30", "www", "new", "early:20", "kept:20", "unsure:20", "wrong:20")
"""The records lose their stored certificates, as if another program had stored them."""


def issued_elsewhere(*names: str) -> x509.Certificate:
    """A certificate that no order of ours has led to."""
    key = KeyPair.generate(KeyType.P_256).private_key.public_key()
    return hierarchy().ec.issue(key, names, not_before=datetime.now(UTC), days=199)


def test_a_certificate_in_s3_is_adopted_and_not_ordered(desk: Desk):
    """A move to certmandate must not order every certificate on the first day."""
    before = desk.forget("idp")
    assert desk.run("check", "univ").exit_code in {0, 1}
    posted = desk.system.orders_posted()
    assert f"as SSL ID {before.ssl_id}, not 99999" in desk.refused("adopt", "univ/idp", "--ssl-id", "99999", "--yes")

    found = desk.document("adopt", "univ/idp", "--ssl-id", str(before.ssl_id), "--yes")

    stored = desk.stored("idp")
    assert (stored.serial, stored.not_after, stored.ssl_id) == (before.serial, before.not_after, before.ssl_id)
    assert (found["state"], found["remarks"], found["served"]["adopted"]) == ("fine", [], True)
    assert found["served"]["client_auth"] is False
    assert desk.run("renew", "--all-due", "--dry-run").exit_code == 0
    assert desk.system.orders_posted() == posted


def test_a_certificate_file_is_adopted_without_any_store(desk: Desk, tmp_path: Path):
    """A certificate that was installed by hand must be renewed in time too."""
    file = tmp_path / "other.pem"
    file.write_bytes(desk.pem("other"))
    before = desk.forget("other")

    question = desk.refused("adopt", "univ/other", "--pem", str(file), "--ssl-id", "99999")
    found = desk.document("adopt", "univ/other", "--pem", str(file), "--yes")

    assert "with an SSL ID that is not verified?" in question
    assert found["served"]["serial"] == printed_serial(before.serial)
    assert any("do not hold it" in note for note in found["remarks"])
    assert any("--ssl-id" in note for note in found["remarks"])


@pytest.mark.parametrize("content", [b"", b"hello", "names", None], ids=["empty", "text", "other names", "missing"])
def test_a_file_without_a_certificate_for_these_names_is_refused(desk: Desk, tmp_path: Path, content: bytes | str):
    """An adopted wrong certificate would stop renewal until the real one expires."""
    file = tmp_path / "wrong.pem"
    if content is not None:
        file.write_bytes(desk.pem("idp") if isinstance(content, str) else content)

    assert desk.refused("adopt", "univ/www", "--pem", str(file), "--yes")
    assert desk.certificate("www").stored is None


def test_a_name_that_the_ca_added_is_no_change_of_names(desk: Desk, tmp_path: Path):
    """Otherwise the first run orders a certificate that is not needed, and its CA adds the name again."""
    wanted = desk.certificate("www").spec.names
    file = tmp_path / "www.pem"
    file.write_text(pem(issued_elsewhere(*wanted, *(f"www.{name}" for name in wanted))))

    found = desk.document("adopt", "univ/www", "--pem", str(file), "--yes")

    assert found["state"] == "fine"
    assert desk.stored("www").names == wanted


def test_an_ssl_id_that_scms_report_lacks_is_named_as_such(desk: Desk, tmp_path: Path):
    """After a complete inspection, "`certmandate check` makes one" was a loop."""
    file = tmp_path / "new.pem"
    file.write_text(pem(issued_elsewhere("new.univ.example")))
    desk.run("check", "univ")

    printed = desk.run("adopt", "univ/new", "--pem", file, "--ssl-id", "99999").stdout

    assert re.search(r"SCM's last SSL report \(\S+ \S+Z\) does not list it among", printed)
    assert "makes one" not in printed


def test_the_ssl_id_of_an_earlier_certificate_is_refused(desk: Desk):
    """SCM would be asked about a certificate that is not the one in use; the audit trail has the right number."""
    earlier = desk.stored("early")
    desk.run("renew", "univ/early", "--force", "--reason", "test", "--yes")
    stored = desk.forget("early", keeps_trail=True)

    refused = desk.refused("adopt", "univ/early", "--ssl-id", earlier.ssl_id, "--yes")
    found = desk.document("adopt", "univ/early", "--yes")

    assert f"as SSL ID {stored.ssl_id}: pass --ssl-id {stored.ssl_id}" in refused
    assert (found["served"]["ssl_id"], desk.stored("early").ssl_id) == (stored.ssl_id, stored.ssl_id)


def test_an_ssl_id_that_the_audit_trail_has_with_another_serial_is_refused(desk: Desk, tmp_path: Path):
    """What is adopted was never ordered here, and the number is of an order that was."""
    file = tmp_path / "new.pem"
    file.write_text(pem(issued_elsewhere("new.univ.example")))
    row = next(row for row in desk.book.history("univ", "early") if row.serial)

    refused = desk.refused("adopt", "univ/new", "--pem", str(file), "--ssl-id", row.ssl_id, "--yes")

    assert f"SSL ID {row.ssl_id} is serial {printed_serial(row.serial)} of univ/early" in refused


def test_what_is_stored_already_is_refused_before_the_question(desk: Desk):
    """The question came first."""
    refused = desk.refused("adopt", "univ/kept")

    assert "can be adopted only where none is stored" in refused
    assert "Adopt it as" not in refused


@pytest.mark.parametrize(("name", "is_verified"), [("unsure", False), ("wrong", True)])
def test_a_wrong_ssl_id_is_corrected(desk: Desk, name: str, *, is_verified: bool):
    """A mistyped number was accepted where nothing had the serial, and its correction was refused."""
    before, path = desk.forget(name), f"univ/{name}"
    desk.run("adopt", path, "--ssl-id", "99999", "--yes")
    adopted = desk.stored(name)
    if is_verified:
        desk.run("check", "univ")
        assert f"as SSL ID {before.ssl_id}, not 88888" in desk.refused("adopt", path, "--ssl-id", "88888")

    asked = " ".join(desk.refused("adopt", path, "--ssl-id", before.ssl_id).split())
    result = desk.run("adopt", path, "--ssl-id", before.ssl_id, "--yes")

    assert f"Correct the SSL ID of {path}" in asked
    assert ("not verified" not in asked) is is_verified
    assert (result.exit_code, f"changed from 99999 to {before.ssl_id}, and nothing else" in result.stdout) == (0, True)
    assert desk.stored(name) == replace(adopted, ssl_id=before.ssl_id)
    assert f"SSL ID {before.ssl_id} in place of 99999" in desk.book.actions("univ", name)[-1].reason
    assert "stored already" in desk.refused("adopt", path, "--ssl-id", before.ssl_id, "--yes")
    assert "stored already" in desk.refused("adopt", path, "--yes")
