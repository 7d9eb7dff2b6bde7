from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from renewal.domain.run.report import Outcome, RunReport
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from scm_simulator.world.fault import Fault
from tests.certmandate.conftest import Sit
from tests.workflow.system import ENROLL


def test_status_exits_1_when_a_finding_is_an_error(sit: Sit):
    """A valid certificate does not help when its next renewal will be refused; scripts wait for exit code 0."""
    desk = sit("idp:20")
    before = desk.run("status")
    assert (before.exit_code, "nothing needs attention" in before.stdout) == (0, True)
    finding = Finding("DcvLapsed", "error", "rao", "validation of univ.example has expired", screen="Domains")
    desk.record_inspection("univ", Inspection("run", datetime.now(UTC), findings=(finding,)))

    result = desk.run("status")

    assert result.exit_code == 1
    assert "for the RAO now; SCM: Domains" in result.stdout


def test_status_sorts_the_findings_of_all_delegations_together(sit: Sit):
    """Information about one delegation was printed above a warning about another."""
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
    desk.record_inspection("other", Inspection("run", now, findings=(late, Finding("X", "info", "rao", "note"))))
    desk.record_inspection("univ", Inspection("run", now, findings=(soon,)))

    lines = [line for line in desk.run("status").stdout.splitlines() if line.startswith("  - ")]

    assert [line.split(": ")[2].split(" (")[0] for line in lines[:3]] == ["soon", "late", "note"]


def test_an_order_that_awaits_approval_is_in_the_raos_mail_and_report(sit: Sit, tmp_path: Path):
    """Only the RAO can approve it; the notice of the daily run had it, and the mail that the operator sends had not."""
    desk = sit("www", scm="dials: {issuance_polls: 0, outcome: requested}\n")
    desk.run("renew", "univ/www", "--yes")

    mail = desk.run("findings", "univ", "--language", "fr").stdout
    report = ("report", "univ", "--month", f"{datetime.now(UTC):%Y-%m}")
    asks = desk.document(*report)["asks"]
    desk.run(*report, "--third-party", "Réseau Exemple", "--output", tmp_path)

    assert "Une demande attend une approbation dans SCM" in mail
    assert "Sinon : le service restera sans certificat" in " ".join(mail.split())
    assert [each["code"] for each in asks] == ["OrderPending"]
    assert "par Réseau Exemple" in next(tmp_path.glob("*.html")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments", [("renew", "univ/idp"), ("renew", "--all-due"), ("check", "univ")], ids=["renew", "all due", "check"]
)
def test_a_refused_login_is_repeated_only_after_a_question(sit: Sit, arguments: tuple[str, ...]):
    """N8: each further refused login brings the account nearer to its lock; a new credential is tried at once."""
    desk = sit("idp:20")
    right = desk.secret()
    desk.store_wrong_password()
    assert "--force --reason" not in desk.run(*arguments, stdin="y\n").stdout
    before = len(desk.system.simulator.calls)

    assert "SCM refused the last login of univ" in desk.refused(*arguments)
    assert len(desk.system.simulator.calls) == before

    desk.run("credential", "univ", "--stdin", stdin=json.dumps(right))
    assert desk.run(*arguments, stdin="y\n").exit_code == 0


def test_findings_of_a_delegation_that_is_not_selected_are_left_out(sit: Sit):
    """The exit code is of what is selected: `--expires-before` named a delegation none of whose certificates was."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    desk.run("check", "univ")

    selected, others = desk.run("status", "--state", "fine"), desk.run("status", "--expires-before", "2020-01-01")

    assert (selected.exit_code, "CredentialRefused" in selected.stdout) == (1, True)
    assert (others.exit_code, "nothing needs attention" in others.stdout) == (0, True)


def test_a_credential_that_was_stored_since_takes_the_place_of_the_refusal(sit: Sit):
    """The operator had done what was asked, and `status` went on asking for it, and the mail the RAO, until a run."""
    desk = sit("idp:160")
    desk.store_wrong_password()
    desk.run("renew", "--all-due", "--yes")
    wrong, refused = desk.secret(), desk.document("status")

    desk.run("credential", "univ", "--stdin", stdin=json.dumps(wrong))
    untried, shown, mail = desk.document("status"), desk.document("show", "univ/idp"), desk.run("findings", "univ")
    desk.run("check", "univ")
    again = desk.document("status")

    codes = [{each["code"] for each in found["delegations"][0]["findings"]} for found in (refused, untried, again)]
    assert codes == [
        {"CredentialRefused", "LoginRefused"},
        {"CredentialUntried"},
        {"CredentialRefused", "LoginRefused"},
    ]
    assert [found["certificates"][0]["state"] for found in (refused, untried, again)] == ["blocked", "due", "blocked"]
    assert (refused["needs_person"], untried["needs_person"]) == (True, False)
    assert shown["next"] == "the next daily run renews it (age)"
    assert [each["command"] for each in shown["findings"]] == ["certmandate check univ"]
    assert (mail.exit_code, mail.stdout) == (1, "")
    assert "run certmandate check univ first" in " ".join(mail.stderr.split())


def test_when_a_credential_was_stored_is_read_once_for_all_certificates(sit: Sit):
    """With 25 refused certificates, `status` made 54 calls of AWS more after a new credential."""
    desk = sit("idp:160", "sp:160", "www:160")
    desk.store_wrong_password()
    desk.run("renew", "--all-due", "--yes")

    desk.run("credential", "univ", "--stdin", stdin=json.dumps(desk.secret()))
    desk.run("status")

    assert [name for name, _ in desk.made].count("DescribeSecret") == 1


def test_a_credential_that_was_stored_since_ends_the_refusal_of_an_order(sit: Sit):
    """The inspection had logged in, so nothing compared the time of the refusal with that of the new credential."""
    desk = sit("idp:160")
    right = desk.secret()
    desk.system.simulator.dials.faults.append(Fault("refused", ENROLL, code=-16))
    desk.run("renew", "--all-due", "--yes")
    refused = desk.document("status")

    desk.run("credential", "univ", "--stdin", stdin=json.dumps(right))
    status, shown = desk.document("status"), desk.document("show", "univ/idp")

    assert [refused["needs_person"], status["needs_person"]] == [True, False]
    assert [found["certificates"][0]["state"] for found in (refused, status)] == ["failing", "due"]
    assert shown["next"] == "the next daily run renews it (age)"
    assert "CredentialRefused" not in desk.run("status").stdout


def test_a_credential_that_was_not_stored_hides_no_refusal(sit: Sit):
    """The row of the operator's action is written first, by the operator's clock; then AWS may refuse the secret."""
    desk = sit("idp:160")
    desk.store_wrong_password()
    desk.run("renew", "--all-due", "--yes")
    wrong, secrets = desk.secret(), desk.system.aws.client("secretsmanager")
    secret = next(each["ARN"] for each in secrets.list_secrets()["SecretList"] if "univ" in each["Name"])
    refused = secrets.get_secret_value(SecretId=secret)["VersionId"]
    desk.run("credential", "univ", "--stdin", stdin=json.dumps(wrong))
    stored = secrets.get_secret_value(SecretId=secret)["VersionId"]

    secrets.update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=refused, RemoveFromVersionId=stored
    )

    codes = {each["code"] for each in desk.document("status")["delegations"][0]["findings"]}
    assert codes == {"CredentialRefused", "LoginRefused"}


def test_status_lists_replacement_rules_and_retired_delegations(sit: Sit):
    """Both explain what happens months later."""
    desk = sit("idp:20")
    at = datetime.now(UTC) - timedelta(days=10)
    desk.run("replace", "--issued-before", f"{at:%Y-%m-%d}", "--reason", "incident", "--yes")
    desk.run("retire", "univ", "--yes")

    found = desk.document("status")

    assert found["certificates"] == []
    assert [delegation["delegation"] for delegation in found["retired"]] == ["univ"]
    assert [(rule["issuer"], rule["reason"]) for rule in found["replacements"]] == [("", "incident")]


def test_a_held_certificate_shows_everywhere_why_scm_refused(sit: Sit):
    """The operator who missed the first notification must not search the audit trail for the reason."""
    desk = sit("www", scm="dials: {issuance_polls: 0, outcome: declined}\n")
    first = RunReport.parse(desk.document("renew", "univ/www", "--yes")["report"])

    again = desk.document("renew", "--all-due", "--yes")["report"]

    (refused,), (held,) = first.certificates, RunReport.parse(again).certificates
    assert (refused.outcome, held.outcome) == (Outcome.FAILED, Outcome.HELD)
    assert refused.text
    assert held.text.startswith(refused.text)
    for arguments in (("renew", "--all-due", "--yes"), ("status",), ("show", "univ/www")):
        assert refused.text in " ".join(desk.run(*arguments).stdout.split()), arguments


def test_what_is_due_all_at_once_is_not_called_in_order(sit: Sit):
    """The run refuses to order; a status without a problem would promise these renewals for every next day."""
    desk = sit(*(f"c{number}:160" for number in range(20)))

    ended = desk.document("renew", "--all-due", "--yes")

    assert {row["error"] for row in ended["report"]["certificates"]} == {"TooManyDue"}
    status = desk.run("status")
    assert status.exit_code == 1
    assert status.stdout.count("renew --all-due --all-due-is-right") == 1, "one cause, one line"
    assert "TooManyDue" in desk.run("show", "univ/c1").stdout


def test_order_again_permits_one_order_that_waits_for_the_operator(sit: Sit):
    """The answer to the first order was lost, and no search of this delegation has found an order."""
    desk = sit("lost")
    faults = desk.system.simulator.dials.faults
    faults.append(Fault("reset_before", ENROLL))
    again = ("renew", "univ/lost", "--order-again")
    failed = desk.run("renew", "univ/lost", "--yes")
    posted = desk.system.orders_posted()
    assert (failed.exit_code, posted) == (1, desk.system.orders_posted())
    assert "--order-again --reason" in " ".join(failed.stdout.split())

    assert desk.run(*again).exit_code == 2, "without a reason"
    assert desk.run(*again, "--reason", "not in SCM").exit_code == 2, "not confirmed"
    assert desk.run("renew", "--all-due", "--order-again", "--reason", "x", "--yes").exit_code == 2
    assert desk.system.orders_posted() == posted
    time.sleep(1)  # the quiet period after the first order: local runs have the least, and these commands may be faster
    result = desk.run(*again, "--reason", "not in SCM", "--yes")

    assert result.exit_code == 0
    assert "Search SCM for it first, above all one with the token" in " ".join(result.stderr.split())
    assert desk.system.orders_posted() == posted + 1
    row = desk.book.history("univ", "lost")[-1]
    assert (row.reason, row.posts) == ("not in SCM", 2)
