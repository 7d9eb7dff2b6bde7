from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.certmandate.conftest import Sit

from renewal.domain.finding import Finding
from renewal.ports import Inspection


def test_an_estate_in_order_needs_nobody(sit: Sit):
    """Exit code 0 is what a script waits for."""
    result = sit("idp:20").run("status")

    assert result.exit_code == 0
    assert "nothing needs a person" in result.stdout


def test_a_finding_that_is_an_error_needs_a_person(sit: Sit):
    """A fresh certificate is no comfort when its next renewal will be refused."""
    desk = sit("idp:20")
    finding = Finding("DcvLapsed", "error", "rao", "validation of univ.example has lapsed", screen="Domains")
    desk.book.record_inspection("univ", Inspection("run", datetime.now(UTC), findings=(finding,)))

    result = desk.run("status")

    assert result.exit_code == 1
    assert "for the RAO; SCM: Domains" in result.stdout


def test_status_tells_standing_orders_and_retirements(sit: Sit):
    """Both are easily forgotten, and both explain what is seen months later."""
    desk = sit("idp:20")
    desk.run("retire", "univ", "--yes")
    moment = datetime.now(UTC) - timedelta(days=300)
    desk.run("renew", "--issuer", "Old CA", "--issued-before", f"{moment:%Y-%m-%d}", "--reason", "incident", "--yes")

    found = desk.document("status")

    assert found["certificates"] == []
    assert [one["delegation"] for one in found["retired"]] == ["univ"]
    assert [(one["issuer"], one["reason"]) for one in found["replacements"]] == [("Old CA", "incident")]
