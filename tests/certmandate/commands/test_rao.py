"""`certmandate report` and `certmandate findings` as they are typed: what the RAO gets to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from tests.certmandate.desk import Desk, seated

THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One certificate was ordered by a run; then the validation of the domain lapsed, and somebody looked."""
    with seated(tmp_path_factory.mktemp("rao"), "idp:20", "www") as one:
        one.system.run()
        one.system.simulator.dials.dcv = "EXPIRED"
        one.run("check", "univ")
        yield one


def test_the_report_is_a_page_in_french_and_english(desk: Desk, tmp_path: Path) -> None:
    """What was ordered in the organisation's name, with the serial by which the RAO finds it in SCM."""
    result = desk.run("report", "univ", "--month", THIS_MONTH, "--output", tmp_path)

    written = tmp_path / f"univ-report-{THIS_MONTH}.html"
    assert result.exit_code == 0
    assert f"written: {written}" in result.stdout
    page = written.read_text(encoding="utf-8").replace("<wbr>", "")
    assert 'lang="fr"' in page
    assert 'lang="en"' in page
    served = desk.certificate("www").served
    assert served is not None
    assert served.serial in page
    assert "www.univ.example" in page
    assert not [word for word in ("sealed", "PRIVATE KEY", "CERTIFICATE REQUEST") if word in page]


def test_the_report_as_json_has_the_orders_and_what_comes_next(desk: Desk) -> None:
    """For the organisation's own inventory."""
    found = json.loads(desk.run("report", "univ", "--month", THIS_MONTH, "--json").stdout)

    served = desk.certificate("www").served
    assert served is not None
    text = json.dumps(found)
    assert served.serial in text
    assert "idp.univ.example" in text
    assert THIS_MONTH in text


@pytest.mark.parametrize(
    ("month", "said"),
    [
        ("2026-13", "'2026-13' is not a month; pass it as 2026-11"),
        ("November", "is not a month"),
        ("2999-01", "in the future"),
    ],
)
def test_what_is_no_month_is_wrong_usage(desk: Desk, tmp_path: Path, month: str, said: str) -> None:
    """A report on the wrong month would be believed."""
    result = desk.run("report", "univ", "--month", month, "--output", tmp_path)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_the_mail_tells_the_rao_what_to_do_in_both_languages(desk: Desk) -> None:
    """Ready to be sent: to whom, a subject, what, where in SCM."""
    result = desk.run("findings", "univ", "--for", "rao")

    assert result.exit_code == 0
    for words in ("À : rao@univ.example", "Objet : ", "To: rao@univ.example", "Subject: ", "univ.example"):
        assert words in result.stdout.replace("\u00a0", " ").replace("\u202f", " "), words


def test_one_language_is_enough_for_who_reads_one(desk: Desk) -> None:
    """The option says which."""
    said = desk.run("findings", "univ", "--for", "rao", "--language", "fr").stdout

    assert "Objet" in said
    assert "Subject" not in said


def test_findings_as_json_keep_the_readers_apart(desk: Desk) -> None:
    """What the operator must do is not the RAO's to read."""
    for_rao = json.loads(desk.run("findings", "univ", "--for", "rao", "--json").stdout)
    everything = json.loads(desk.run("findings", "univ", "--json").stdout)

    assert for_rao["to"] == "rao@univ.example"
    assert for_rao["findings"]
    assert {one["actor"] for one in for_rao["findings"]} == {"rao"}
    assert set(for_rao["mails"]) == {"fr", "en"}
    assert len(everything["findings"]) >= len(for_rao["findings"])


def test_what_is_the_operators_alone_is_no_mail_to_the_rao(desk: Desk) -> None:
    """What begins with the RAO's address gets sent to them."""
    finding = Finding("PasswordExpiring", "warning", "operator", "the password expires")
    before = desk.book.delegation("univ").inspection
    assert before is not None
    try:
        desk.record_inspection("univ", Inspection("run", before.at, findings=(finding,)))
        told = desk.run("findings", "univ", "--for", "operator").stdout
        found = json.loads(desk.run("findings", "univ", "--for", "operator", "--json").stdout)
        desk.record_inspection("univ", Inspection("run", before.at))
        empty = desk.run("findings", "univ", "--for", "operator").stdout
    finally:
        desk.record_inspection("univ", before)

    assert told == "- warning: univ: the password expires (PasswordExpiring; for the operator)\n"
    assert (found["to"], found["mails"], len(found["findings"])) == (None, {}, 1)
    assert empty.endswith("found nothing for the operator to do.\n")


def test_the_mail_is_signed_by_the_third_party(desk: Desk) -> None:
    """As the guide is: one name, set once."""
    said = desk.run("findings", "univ", "--for", "rao", "--third-party", "Réseau Exemple").stdout

    assert said.count("\nRéseau Exemple\n") == 2


@pytest.mark.parametrize("command", ["report", "findings"])
def test_an_unknown_delegation_is_named(desk: Desk, command: str) -> None:
    """It was mistyped, or never applied."""
    result = desk.run(command, "unvi")

    assert result.exit_code in {1, 2}
    assert "unvi" in result.stderr
