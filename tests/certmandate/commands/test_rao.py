"""`certmandate report` and `certmandate findings`, as the operator runs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renewal.domain.certificate.serial import printed_serial
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
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
    serial = printed_serial(desk.served("www").serial)
    assert serial in page
    assert serial in {order["serial"] for order in document["orders"]}
    assert "www.univ.example" in page
    assert not [text for text in ("sealed", "PRIVATE KEY", "CERTIFICATE REQUEST") if text in page]


def test_findings_prints_the_mail_in_both_languages(desk: Desk) -> None:
    """The mail is complete: receiver, subject, body and the signature of the guide."""
    result = desk.run("findings", "univ", "--for", "rao", "--third-party", "Réseau Exemple")

    assert result.exit_code == 0
    assert result.stdout.count("\nRéseau Exemple\n") == 2
    for words in ("À : rao@univ.example", "Objet : ", "To: rao@univ.example", "Subject: ", "univ.example"):
        assert words in result.stdout.replace("\u00a0", " ").replace("\u202f", " "), words


def test_findings_for_the_rao_exclude_those_for_the_operator(desk: Desk) -> None:
    """The RAO's mail must not have the operator's tasks."""
    for_rao = desk.document("findings", "univ", "--for", "rao")
    everything = desk.document("findings", "univ")

    assert for_rao["to"] == "rao@univ.example"
    assert for_rao["findings"]
    assert {finding["actor"] for finding in for_rao["findings"]} == {"rao"}
    assert set(for_rao["mails"]) == {"fr", "en"}
    assert len(everything["findings"]) >= len(for_rao["findings"])


def test_findings_for_the_operator_are_a_list_not_a_mail(desk: Desk) -> None:
    """A text that begins with the RAO's address would be sent to the RAO."""
    finding = Finding("PasswordExpiring", "warning", "operator", "the password expires")
    before = desk.book.delegation("univ").inspection
    assert before is not None
    try:
        desk.record_inspection("univ", Inspection("run", before.at, findings=(finding,)))
        listed = desk.run("findings", "univ", "--for", "operator").stdout
        found = desk.document("findings", "univ", "--for", "operator")
        desk.record_inspection("univ", Inspection("run", before.at))
        empty = desk.run("findings", "univ", "--for", "operator").stdout
    finally:
        desk.record_inspection("univ", before)

    line = "- warning: univ: the password expires (PasswordExpiring; for the operator; certmandate credential univ; "
    assert listed.startswith(line)
    assert listed.count("\n") == 1
    assert (found["to"], found["mails"], len(found["findings"])) == (None, {}, 1)
    assert empty.endswith("found nothing for the operator to do.\n")


def test_the_daily_run_notifies_the_rao_and_commands_print_the_history(desk: Desk) -> None:
    """N3: the operator finds out whether the RAO was notified, also while mails are off."""
    desk.system.run()

    (notice,) = desk.document("findings", "univ")["notices"]
    assert (notice["outcome"], "DcvLapsed" in notice["codes"]) == ("off", True)
    assert desk.document("show", "univ/idp")["notices"] == [notice]
    for command in (["findings", "univ"], ["show", "univ/idp"]):
        output = desk.run(*command).stdout
        assert "Notices to the RAO, newest first" in output
        assert "(no mail)" in output
