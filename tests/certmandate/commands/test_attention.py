from __future__ import annotations

from datetime import UTC, datetime, timedelta

from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from tests.certmandate.conftest import Sit


def test_an_estate_in_order_needs_nobody(sit: Sit):
    """Exit code 0 is what a script waits for."""
    result = sit("idp:20").run("status")

    assert result.exit_code == 0
    assert "nothing needs attention" in result.stdout


def test_a_finding_that_is_an_error_needs_a_person(sit: Sit):
    """A fresh certificate is no comfort when its next renewal will be refused."""
    desk = sit("idp:20")
    finding = Finding("DcvLapsed", "error", "rao", "validation of univ.example has lapsed", screen="Domains")
    desk.record_inspection("univ", Inspection("run", datetime.now(UTC), findings=(finding,)))

    result = desk.run("status")

    assert result.exit_code == 1
    assert "for the RAO; SCM: Domains" in result.stdout


def test_findings_of_all_delegations_are_sorted_as_one(sit: Sit):
    """A thing to know of the first delegation stood above a warning of the second."""
    desk = sit("idp:20")
    desk.file.with_name("other.yaml").write_text(
        desk.file.read_text(encoding="utf-8")
        .replace("delegation: univ", "delegation: other")
        .replace("_id: 7", "_id: 8"),
        encoding="utf-8",
    )
    desk.run("apply", desk.folder, "--yes")
    now = datetime.now(UTC)
    soon = Finding("DcvLapsing", "warning", "rao", "soon", due=now.date())
    late = Finding("DcvLapsing", "warning", "rao", "late", due=now.date() + timedelta(days=9))
    desk.record_inspection("other", Inspection("run", now, findings=(late, Finding("X", "info", "rao", "to know"))))
    desk.record_inspection("univ", Inspection("run", now, findings=(soon,)))

    lines = [line for line in desk.run("status").stdout.splitlines() if line.startswith("  - ")]

    assert [line.split(": ")[2].split(" (")[0] for line in lines[:3]] == ["soon", "late", "to know"]


def test_an_order_that_was_declined_reaches_the_raos_mail(sit: Sit):
    """Only they can find out who declined it; the inspection before it had found nothing to do."""
    desk = sit("www", scm="dials: {issuance_polls: 0, outcome: declined}\n")
    desk.run("renew", "univ/www")

    said = desk.run("findings", "univ", "--for", "rao", "--language", "fr").stdout

    assert "votre intervention est nécessaire dès maintenant" in said
    assert "Un administrateur a refusé notre demande dans SCM" in said
    assert "www.univ.example" in said


def test_after_a_refused_login_nobody_is_told_to_force(sit: Sit):
    """It would not renew either, and it would be one more refused login towards the lock."""
    desk = sit("idp:20")
    desk.store_wrong_password()

    result = desk.run("renew", "univ/idp")

    assert result.exit_code == 1
    assert "CredentialRefused" in result.stdout
    assert "--force --reason" not in result.stdout


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
