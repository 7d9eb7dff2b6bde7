"""`certmandate report` and `certmandate findings`, as the operator runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.setup.finding import Finding
from tests.certmandate.desk import Desk, seated

THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A run has ordered a certificate; then the domain's validation expired, and an inspection found it."""
    with seated(tmp_path_factory.mktemp("rao"), "idp:20", "www") as running:
        running.system.run()
        running.system.simulator.dials.dcv = "EXPIRED"
        running.run("check", "univ")
        yield running


def test_report_writes_a_page_in_both_languages_or_json(desk: Desk, tmp_path: Path) -> None:
    """The RAO finds each certificate in SCM by its serial; the organisation may import the JSON."""
    result = desk.run("report", "univ", "--month", THIS_MONTH, "--output", tmp_path)
    document = desk.document("report", "univ", "--month", THIS_MONTH)

    written = tmp_path / f"univ-report-{THIS_MONTH}.html"
    assert result.exit_code == 0
    assert f"written: {written}" in result.stdout
    page = written.read_text(encoding="utf-8").replace("<wbr>", "")
    assert 'lang="fr"' in page
    assert 'lang="en"' in page
    serial = printed_serial(desk.stored("www").serial)
    assert serial in page
    assert serial in {order["serial"] for order in document["orders"]}
    assert "www.univ.example" in page
    assert not [text for text in ("sealed", "PRIVATE KEY", "CERTIFICATE REQUEST") if text in page]


def test_findings_prints_the_mail_in_both_languages(desk: Desk) -> None:
    """The mail is complete: receiver, subject, body and the signature of the guide."""
    result = desk.run("findings", "univ", "--third-party", "Réseau Exemple")

    assert result.exit_code == 0
    assert result.stdout.count("\nRéseau Exemple\n") == 2
    for words in ("À : rao@univ.example", "Objet : ", "To: rao@univ.example", "Subject: ", "univ.example"):
        assert words in result.stdout.replace("\u00a0", " ").replace("\u202f", " "), words


def test_findings_have_the_raos_tasks_only(desk: Desk) -> None:
    """A mail to the RAO must not have the operator's tasks."""
    before = desk.book.delegation("univ").inspection
    assert before is not None
    mine = Finding("PasswordExpiring", "warning", "operator", "the password expires")
    try:
        desk.record_inspection("univ", replace(before, findings=(*before.findings, mine)))
        found = desk.document("findings", "univ")
    finally:
        desk.record_inspection("univ", before)

    assert found["to"] == "rao@univ.example"
    assert found["findings"]
    assert {finding["actor"] for finding in found["findings"]} == {"rao"}
    assert set(found["mails"]) == {"fr", "en"}


def test_the_daily_run_notifies_the_rao_and_commands_print_the_history(desk: Desk) -> None:
    """The operator finds out whether the RAO was notified."""
    desk.system.run()

    notices = desk.document("findings", "univ")["notices"]  # on the first day of a month also that of the report
    (notice,) = (notice for notice in notices if notice["kind"] == "problems")
    assert (notice["outcome"], "DcvLapsed" in notice["codes"]) == ("sent", True)
    assert desk.document("show", "univ/idp")["notices"] == notices
    for command in (["findings", "univ"], ["show", "univ/idp"]):
        output = desk.run(*command).stdout
        assert "Notices to the RAO, newest first" in output
        assert "(sent)" in output
