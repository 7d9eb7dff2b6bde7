from __future__ import annotations

from pathlib import Path

import pytest

from tests.certmandate.desk import Desk

ESTATE = ("idp:20", "other:30", "www")
"""The records lose their served certificates, as if another program had stored them."""


def test_a_certificate_in_s3_is_adopted_and_not_ordered(desk: Desk):
    """A move to certmandate must not order every certificate on the first day."""
    before = desk.forget("idp")
    posted = desk.system.orders_posted()

    found = desk.document("adopt", "univ/idp", "--ssl-id", str(before.ssl_id), "--yes")

    served = desk.served("idp")
    assert (served.serial, served.not_after, served.ssl_id) == (before.serial, before.not_after, before.ssl_id)
    assert (found["state"], found["remarks"], found["served"]["adopted"]) == ("fine", [], True)
    assert found["served"]["client_auth"] is False
    assert desk.run("renew", "--all-due", "--dry-run").exit_code == 0
    assert desk.system.orders_posted() == posted


def test_a_certificate_file_is_adopted_without_any_store(desk: Desk, tmp_path: Path):
    """A certificate that was installed by hand must be renewed in time too."""
    file = tmp_path / "other.pem"
    file.write_bytes(desk.stored("other"))
    before = desk.forget("other")

    found = desk.document("adopt", "univ/other", "--pem", str(file), "--yes")

    assert found["served"]["serial"] == before.serial
    assert any("do not hold it" in note for note in found["remarks"])
    assert any("--ssl-id" in note for note in found["remarks"])


@pytest.mark.parametrize("content", [b"", b"hello", "names", None], ids=["empty", "text", "other names", "missing"])
def test_a_file_without_a_certificate_for_these_names_is_refused(desk: Desk, tmp_path: Path, content: bytes | str):
    """An adopted wrong certificate would stop renewal until the real one expires."""
    file = tmp_path / "wrong.pem"
    if content is not None:
        file.write_bytes(desk.stored("idp") if isinstance(content, str) else content)

    assert desk.refused("adopt", "univ/www", "--pem", str(file), "--yes")
    assert desk.certificate("www").served is None
