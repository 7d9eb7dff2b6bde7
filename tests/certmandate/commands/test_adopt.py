from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certmandate.desk import Desk, seated


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate whose records lose their served certificates, as if another program had stored them."""
    with seated(tmp_path_factory.mktemp("adopt"), "idp:20", "other:30", "old:198", "www") as running:
        yield running


def pem_of(desk: Desk, name: str, serial: str) -> bytes:
    bucket = desk.system.aws.outputs["StoreBucket"]
    key = f"certificates/univ/{name}/{serial}/fullchain.pem"
    content: bytes = desk.system.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def test_a_certificate_in_s3_is_adopted_and_not_ordered(desk: Desk):
    """A move to certmandate must not order every certificate on the first day."""
    before = desk.forget("idp")
    posted = desk.system.orders_posted()

    found = desk.document("adopt", "univ/idp", "--ssl-id", str(before.ssl_id), "--yes")

    served = desk.certificate("idp").served
    assert served
    assert (served.serial, served.not_after, served.ssl_id) == (before.serial, before.not_after, before.ssl_id)
    assert (found["state"], found["remarks"], found["served"]["adopted"]) == ("fine", [], True)
    assert desk.run("renew", "--all-due", "--dry-run").exit_code == 0
    assert desk.system.orders_posted() == posted


def test_a_certificate_file_is_adopted_without_any_store(desk: Desk, tmp_path: Path):
    """A certificate that was installed by hand must be renewed in time too."""
    before = desk.forget("other")
    file = tmp_path / "other.pem"
    file.write_bytes(pem_of(desk, "other", before.serial))

    found = desk.document("adopt", "univ/other", "--pem", str(file), "--yes")

    assert found["served"]["serial"] == before.serial
    assert any("do not hold it" in note for note in found["remarks"])
    assert any("--ssl-id" in note for note in found["remarks"])


def test_a_file_without_a_certificate_for_these_names_is_refused(desk: Desk, tmp_path: Path):
    """An adopted wrong certificate would stop renewal until the real one expires."""
    idp = desk.certificate("idp").served
    assert idp
    wrong = {"empty.pem": b"", "text.pem": b"hello", "names.pem": pem_of(desk, "idp", idp.serial)}
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)

    for name in (*wrong, "missing.pem"):
        result = desk.run("adopt", "univ/www", "--pem", str(tmp_path / name), "--yes")
        assert (result.exit_code, bool(result.stderr)) == (2, True)
    assert desk.certificate("www").served is None


def test_nothing_is_adopted_without_a_store_or_a_file(desk: Desk):
    """The error names the stores and the option --pem."""
    result = desk.run("adopt", "univ/www", "--yes")

    assert (result.exit_code, "--pem" in result.stderr) == (2, True)
