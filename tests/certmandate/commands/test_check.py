from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import httpx

from certmandate.views.language import language
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.setup.foreign_orders import MOST_NAMED
from scm_simulator.in_process import InProcess
from scm_simulator.simulator import Simulator
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import Desk
from tests.certmandate.rao_samples import FACTS


def test_check_reports_every_step_and_name_with_what_it_observed(sit: Sit):
    """The steps are those of the RAO's guide; a result without the observed values cannot be verified."""
    desk = sit("idp:20", "www")

    found, printed = desk.document("check", "univ"), desk.run("check", "univ")

    assert [step["step"] for step in found["steps"]] == sorted(step["step"] for step in found["steps"])
    assert {step["step"] for step in found["steps"]} == set(range(1, 9))
    assert {step["verdict"] for step in found["steps"]} <= {"done", "by-eye"}
    texts = {step["step"]: step["text"] for step in found["steps"]}
    assert (texts[3], texts[7]) == ("OrgID 7 is the department's", "the account is of type API")
    assert "DRAO_SSL on 7 only; privileges: " in texts[5]
    names = {name["name"]: name for name in found["names"]}
    assert names.keys() == {"idp.univ.example", "www.univ.example"}
    assert {(name["entry"], name["dcv_status"]) for name in names.values()} == {("*.univ.example", "VALIDATED")}
    assert names["www.univ.example"]["dcv_expires"] in printed.stdout
    assert f"Organisation validation (OV)\n  - valid until {found['organisation_validated_until']}" in printed.stdout
    assert found["profiles"][0]["terms"] == [46, 99, 199]
    assert (found["good"], printed.exit_code, desk.system.orders_posted()) == (True, 0, 0)


def test_a_refused_login_is_tried_once_and_is_in_the_raos_mail(sit: Sit):
    """SCM counts failed logins, so a second could lock the account; only the RAO can unlock it."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    before = len(desk.system.simulator.calls)

    result = desk.run("check", "univ")
    mail = desk.run("findings", "univ").stdout

    assert (result.exit_code, len(desk.system.simulator.calls)) == (1, before + 1)
    assert "LoginRefused" in result.stdout
    assert "One of the steps 5, 6, 7, 8 is wrong; SCM does not report which" in result.stdout
    assert "FAILED" not in result.stdout
    assert "nothing to do" not in mail
    assert "Admins → Edit; Settings → Access Control → Organization ACL" in mail
    assert mail.count("Vérifiez que le compte") == 1


def test_an_undelegated_name_fails_step_4(sit: Sit):
    """The RAO did not delegate a name: the result, its menu path and exit code 1."""
    desk = sit("idp:20")
    desk.rewrite('delegated_names: ["*.univ.example"]', 'delegated_names: ["*.univ.example", "www.elsewhere.example"]')
    desk.file.write_text(
        desk.file.read_text(encoding="utf-8") + "  - {name: www, names: [www.elsewhere.example]}\n", encoding="utf-8"
    )
    desk.run("apply", desk.folder, "--yes")

    found = desk.document("check", "univ")

    wrong = [step for step in found["steps"] if step["verdict"] == "wrong"]
    assert [item["step"] for item in wrong] == [4]
    assert "www.elsewhere.example" in wrong[0]["text"]
    assert not found["good"]


def test_a_wider_delegation_than_agreed_is_a_security_finding(sit: Sit):
    """A summary without it would be read as consent."""
    desk = sit("idp:20")
    desk.rewrite('delegated_names: ["*.univ.example"]', 'delegated_names: ["idp.univ.example"]')
    desk.run("apply", desk.folder, "--yes")

    result = desk.run("check", "univ")
    found = desk.document("check", "univ")

    assert "SECURITY" in result.stdout
    assert "Renewals work; 1 security finding." in result.stdout
    assert "passed" not in result.stdout.splitlines()[-1]
    assert [finding["code"] for finding in found["findings"] if finding["security"]] == ["WiderThanWanted"]
    assert [step["code"] for step in found["steps"] if step["security"]] == ["WiderThanWanted"]
    assert "(sécurité)" in desk.run("findings", "univ", "--language", "fr").stdout


def test_an_order_by_a_stolen_credential_is_found_and_can_be_acknowledged(sit: Sit):
    """Fault S3: an order with the account's own login and another key was in order for `check`."""
    desk = sit("idp:20")
    ssl_id = order_with(desk.secret(), desk.system.simulator)

    result, found = desk.run("check", "univ"), desk.document("check", "univ")
    mail = " ".join(desk.run("findings", "univ", "--language", "fr").stdout.replace("\u00a0", " ").split())
    (listed,) = desk.document("findings", "univ")["orders_not_ours"]
    refused = desk.refused("acknowledge", "univ", ssl_id + 1, "--reason", "x", "--yes")
    desk.run("acknowledge", "univ", ssl_id, "--reason", "ordered by the library", "--yes")
    after, report = desk.run("check", "univ"), desk.document("report", "univ", "--month", f"{datetime.now(UTC):%Y-%m}")

    assert (result.exit_code, found["good"]) == (1, False)
    assert "Renewals work, but SCM has orders that are not ours: act now." in result.stdout
    assert {finding["actor"] for finding in found["findings"] if finding["code"] == "OrderNotOurs"} == {
        "operator", "rao",
    }  # fmt: skip
    assert f"Précisions : SSL ID {ssl_id}, " in mail
    assert (listed["ssl_id"], listed["names"], listed["requester"]) == (ssl_id, ["login.univ.example"], "drao-univ")
    assert f"does not report SSL ID {ssl_id + 1}; it reports {ssl_id}" in refused
    assert (after.exit_code, "OrderNotOurs" in after.stdout) == (0, False)
    (own,) = report["acknowledged"]
    assert (own["order"], own["reason"]) == (str(ssl_id), "ordered by the library")


def test_an_acknowledgement_names_the_day_on_which_scm_replaced_the_certificate(sit: Sit):
    """The RAO spoke of the one before, and a thief has replaced it since: the same SSL ID, and another key."""
    desk = sit("idp:20")
    ssl_id = order_with(desk.secret(), desk.system.simulator)
    desk.run("check", "univ")
    place = list_of_foreign_orders(desk)
    s3 = desk.system.aws.client("s3")
    stored = json.loads(s3.get_object(**place)["Body"].read())
    stored["orders"][0]["key"] = f"{ssl_id}@2026-12-01"
    s3.put_object(**place, Body=json.dumps(stored).encode())

    asked = desk.refused("acknowledge", "univ", ssl_id, "--reason", "the library's", stdin="n\n")

    assert f"Record SSL ID {ssl_id} as replaced on 2026-12-01 as ordered by the organisation" in asked


def test_every_order_of_a_thief_is_named_for_operator_and_rao(sit: Sit, tmp_path: Path):
    """Of more than twenty, most were numbers only, and the thief decides how many there are."""
    desk = sit("idp:20")
    names = [f"login{number}.univ.example" for number in range(MOST_NAMED + 5)]
    stolen = {order_with(desk.secret(), desk.system.simulator, name): name for name in names}
    month = ("report", "univ", "--month", f"{datetime.now(UTC):%Y-%m}")

    checked = desk.run("check", "univ")
    found, printed = desk.document("findings", "univ"), desk.run("findings", "univ", "--language", "en").stdout
    document = desk.document(*month)
    desk.run(*month, "--output", tmp_path)

    assert "more orders that are not ours (5): SSL ID " in checked.stdout
    (page,) = [file.read_text() for file in tmp_path.glob("*.html")]
    shown = unescape(re.sub(r"<[^>]+>", "", page))
    for ssl_id, name in stolen.items():
        line = f"- SSL ID {ssl_id}, ordered on {day_in_english()}, drao-univ, SCM's status: issued: {name}"
        assert line in printed
        assert line.removeprefix("- ") in shown
    for listed in (found["orders_not_ours"], document["orders_not_ours"]):
        assert {order["ssl_id"]: order["names"][0] for order in listed} == stolen
        assert {(order["requester"], order["ordered_at"][:10]) for order in listed} == {
            ("drao-univ", f"{datetime.now(UTC):%Y-%m-%d}")
        }
    desk.run("acknowledge", "univ", *stolen, "--reason", "the library's", "--yes")
    assert desk.document("findings", "univ")["orders_not_ours"] == []


def test_a_list_that_cannot_be_read_is_reported_with_what_is_known(sit: Sit):
    """The life cycle of the bucket, or an administrator, may have deleted it."""
    desk = sit("idp:20")
    for number in range(MOST_NAMED + 5):
        order_with(desk.secret(), desk.system.simulator, f"login{number}.univ.example")
    desk.run("check", "univ")
    desk.system.aws.client("s3").delete_object(**list_of_foreign_orders(desk))

    result = desk.run("findings", "univ", "--json")

    assert len(json.loads(result.stdout)["orders_not_ours"]) == MOST_NAMED
    assert "5 orders at SCM are not listed here: runs/" in result.stderr


def day_in_english() -> str:
    """Today, as mails have it."""
    return language("en").day(datetime.now(UTC).date())


def list_of_foreign_orders(desk: Desk) -> dict[str, str]:
    """Bucket and key of the list that the last inspection wrote."""
    inspection = desk.book.delegation("univ").inspection
    assert inspection is not None
    assert inspection.foreign is not None
    key = f"runs/{inspection.foreign.listed_by}/foreign-orders-univ.json"
    return {"Bucket": desk.system.aws.outputs["StoreBucket"], "Key": key}


def order_with(credential: dict[str, str], simulator: Simulator, name: str = "login.univ.example") -> int:
    """Order a certificate for another key, as a thief of the credential would; return its SSL ID."""
    csr = KeyPair.generate(KeyType.P_256).signing_request([name])
    body = {"orgId": 7, "csr": csr, "certType": 1, "term": 199, "subjAltNames": name}
    headers = {name: credential[name] for name in ("login", "password")} | {"customerUri": credential["customer_uri"]}
    with httpx.Client(transport=InProcess(simulator), base_url="https://scm.test/api") as client:
        answer = client.post("/ssl/v1/enroll", json=body, headers=headers)
    return int(answer.raise_for_status().json()["sslId"])


def test_check_reports_an_open_order_as_collected_not_planned(sit: Sit):
    """“Planned” would mean that another certificate is ordered."""
    desk = sit("idp", scm="dials: {issuance_polls: 0, outcome: requested}\n")
    desk.run("renew", "univ/idp", "--yes")

    output = " ".join(desk.run("check", "univ").stdout.split())

    assert "univ/idp: a run would collect order " in output
    assert "and order nothing (order-open)" in output
    assert "planned, order-open" not in output


def test_a_login_from_here_must_be_refused(sit: Sit):
    """Without an access list, a stolen password works from anywhere."""
    accepted = sit("idp:20").run("check", "univ", "--from-here", "--yes")

    assert (accepted.exit_code, "step 8" in accepted.stdout) == (1, True)


def test_a_refused_login_from_here_exits_0_after_one_attempt(sit: Sit):
    """The access list must refuse this machine; the password of a rotation would be a second failed login."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    desk.system.aws.client("secretsmanager").put_secret_value(
        SecretId="certmandate/univ", SecretString=json.dumps(desk.secret()), VersionStages=["AWSPENDING"]
    )
    before = len(desk.system.simulator.calls)

    found = desk.document("check", "univ", "--from-here", "--yes")

    assert (found["outcome"], found["good"]) == ("refused", True)
    assert "answers a wrong password in the same way" in found["text"]
    assert len(desk.system.simulator.calls) == before + 1


def test_a_check_records_the_answers_of_scm_for_its_owner_only(sit: Sit, tmp_path: Path):
    """It is made where the login is permitted, redacted there, and read by the operator before it is shared."""
    desk, file = sit("idp:20"), tmp_path / "new" / "recording.json"

    result = desk.run("check", "univ", "--record", file)

    recording, printed = json.loads(file.read_text(encoding="utf-8")), " ".join(result.stdout.split())
    paths = [answer["path"] for answer in recording["answers"]]
    assert {"/admin/v1/password", "/organization/v1/7", "/ssl/v1/types", "/report/v1/ssl-certificates"} <= set(paths)
    assert (file.stat().st_mode & 0o777, result.exit_code) == (0o600, 0)
    assert "univ.example" not in file.read_text(encoding="utf-8")
    assert f"{file}: {len(paths)} answers of SCM." in printed
    assert "SCM's own, in these members: activeState, activeStatus, " in printed
    assert "Read the file before you share it." in printed


def test_an_existing_recording_is_kept_without_a_login(sit: Sit, tmp_path: Path):
    """It may be the only one of an answer that SCM gives once."""
    desk, file = sit("idp:20"), tmp_path / "recording.json"
    file.write_text("first", encoding="utf-8")
    before = len(desk.system.simulator.calls)

    assert f"{file} exists already" in desk.refused("check", "univ", "--record", file)
    assert (file.read_text(encoding="utf-8"), len(desk.system.simulator.calls)) == ("first", before)


def test_the_answer_to_a_login_from_here_is_recorded_here(sit: Sit, tmp_path: Path):
    """What SCM answers to another address is one of the questions of docs/first-account.md."""
    desk, file = sit("idp:20"), tmp_path / "recording.json"
    desk.store_wrong_password()

    found = desk.document("check", "univ", "--from-here", "--yes", "--record", file)

    (answer,) = json.loads(file.read_text(encoding="utf-8"))["answers"]
    assert (found["outcome"], answer["path"], answer["status"]) == ("refused", "/admin/v1/password", 401)
    assert answer["body"]["code"] == -16


def test_a_check_without_a_request_to_scm_writes_no_recording(sit: Sit, tmp_path: Path):
    """An empty file would look like a recording of nothing."""
    desk, file = sit("idp:20"), tmp_path / "recording.json"
    desk.rewrite("delegated_names:", "mandate_ends: 2020-01-01\ndelegated_names:")
    desk.run("apply", desk.folder, "--yes")

    result = desk.run("check", "univ", "--record", file)

    assert "was not written: SCM has received no request" in result.stdout
    assert not file.exists()


def test_check_lists_the_profiles_before_the_file_names_one(sit: Sit):
    """`apply` needs the profile, and `check`, which lists the profiles, needs the file applied."""
    desk = sit("idp:20")
    onboarded = desk.run("onboard", "univ", *FACTS, "--department-id=7", "--force", "--folder", desk.folder)
    assert "`check` lists the profiles: add profile_id" in onboarded.stdout

    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0
    profiles = desk.document("check", "univ")["profiles"]
    desk.rewrite("certificates: [] #", f"profile_id: {profiles[0]['profile_id']} #")
    head, _, certificates = desk.file.read_text(encoding="utf-8").rpartition("uncomment the following:\n")
    desk.file.write_text(head + "\n" + certificates.replace("# ", ""), encoding="utf-8")

    assert desk.run("apply", desk.folder, "--yes").exit_code == 0
    assert desk.certificate("idp").spec.profile_id == profiles[0]["profile_id"]


def test_check_shows_whether_the_search_for_orders_is_proven(sit: Sit):
    """Before the first order nothing shows that a search finds orders; afterwards its latency is known."""
    desk = sit("www")
    assert desk.document("check", "univ")["search"]["proven"] is False
    assert "not proven: no search has found an order" in desk.run("check", "univ").stdout

    desk.run("renew", "univ/www", "--yes")

    search = desk.document("check", "univ")["search"]
    assert (search["proven"], search["found_by"]) == (True, "commonName=www.univ.example")
    assert search["latency_seconds"] < 60
    assert "found by commonName=www.univ.example" in desk.run("check", "univ").stdout


def test_after_the_mandates_end_check_reports_that_nothing_was_read(sit: Sit):
    """No login is made: "one login", "not in full" and eight manual checks were untrue."""
    desk = sit("idp:20")
    desk.rewrite("delegated_names:", "mandate_ends: 2020-01-01\ndelegated_names:")
    desk.run("apply", desk.folder, "--yes")
    before = len(desk.system.simulator.calls)

    result, found = desk.run("check", "univ"), desk.document("check", "univ")

    assert len(desk.system.simulator.calls) == before
    assert {step["verdict"] for step in found["steps"]} == {"not-checked"}
    assert "check manually" not in result.stdout
    assert re.search(r"Read from SCM\n  - \S+ \S+Z, not read: the mandate of .* ended on ", result.stdout)
    assert "one login" not in result.output
