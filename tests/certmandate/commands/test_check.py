from __future__ import annotations

import json

from tests.certmandate.conftest import Sit


def test_a_delegation_in_order_is_told_step_by_step(sit: Sit):
    """Eight steps, as in the guide that the RAO has; nothing is ordered."""
    desk = sit("idp:20", "www")

    found = desk.document("check", "univ")

    assert [one["step"] for one in found["steps"]] == sorted(one["step"] for one in found["steps"])
    assert {one["step"] for one in found["steps"]} == set(range(1, 9))
    assert {one["verdict"] for one in found["steps"]} <= {"done", "by-eye"}
    assert found["good"]
    assert found["profiles"][0]["terms"] == [46, 99, 199]
    assert desk.system.orders_posted() == 0
    assert desk.run("check", "univ").exit_code == 0


def test_every_name_is_told_with_its_entry_and_its_validation(sit: Sit):
    """By which entry, and until when: what is delegated wrong is seen here before an order is refused."""
    desk = sit("idp:20", *(f"host-{number}" for number in range(9)))

    found, text = desk.document("check", "univ"), desk.run("check", "univ").stdout

    names = {one["name"]: one for one in found["names"]}
    assert len(names) == 10
    assert {one["entry"] for one in names.values()} == {"*.univ.example"}
    assert {one["dcv_status"] for one in names.values()} == {"VALIDATED"}
    assert all(one["dcv_expires"] for one in names.values())
    assert found["organisation_validated_until"]
    assert names["host-8.univ.example"]["dcv_expires"] in text
    assert text.count("host-8.univ.example") >= 1
    assert f"organisation validation (OV): valid until {found['organisation_validated_until']}" in text


def test_what_was_seen_of_the_account_stands_beside_its_verdict(sit: Sit):
    """The words alone convince nobody who has to answer for it."""
    said = {one["step"]: one["text"] for one in sit("idp:20").document("check", "univ")["steps"]}

    assert said[3] == "OrgID 7 is the department's"
    assert "DRAO_SSL on 7 only; privileges: " in said[5]
    assert said[7] == "the account is of type API"


def test_a_wrong_password_is_tried_once_and_named(sit: Sit):
    """SCM counts failed logins: a check that tries twice locks the account that it is to save."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    before = len(desk.system.simulator.calls)

    result = desk.run("check", "univ")

    assert result.exit_code == 1
    assert len(desk.system.simulator.calls) == before + 1
    assert "LoginRefused" in result.stdout
    assert "One of the steps 5, 6, 7, 8 is wrong; SCM does not report which" in result.stdout
    assert "FAILED" not in result.stdout


def test_the_rao_is_asked_to_unlock_the_account(sit: Sit):
    """Only they can; a mail that says "nothing to do" leaves every certificate to expire."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    desk.run("check", "univ")

    for_rao = desk.run("findings", "univ", "--for", "rao").stdout
    everybody = desk.run("findings", "univ", "--language", "fr").stdout

    assert "rien à faire" not in for_rao
    assert "nothing to do" not in for_rao
    assert "Admins → Edit, Settings → Access Control → Organization ACL" in for_rao
    assert everybody.count("Vérifiez que le compte") == 1
    assert "Rien à faire de votre côté" in everybody


def test_a_step_that_is_not_done_is_wrong(sit: Sit):
    """The RAO forgot a name: step 4, the screen, and exit code 1."""
    desk = sit("idp:20")
    world = (desk.folder.parent / "scm.yaml").read_text(encoding="utf-8")
    assert "*.univ.example" in world
    desk.rewrite('delegated_names: ["*.univ.example"]', 'delegated_names: ["*.univ.example", "www.elsewhere.example"]')
    desk.file.write_text(
        desk.file.read_text(encoding="utf-8") + "  - {name: www, names: [www.elsewhere.example]}\n", encoding="utf-8"
    )
    desk.run("apply", desk.folder, "--yes")

    found = desk.document("check", "univ")

    wrong = [one for one in found["steps"] if one["verdict"] == "wrong"]
    assert [one["step"] for one in wrong] == [4]
    assert "www.elsewhere.example" in wrong[0]["text"]
    assert not found["good"]


def test_what_is_wider_than_agreed_is_told_as_security(sit: Sit):
    """A star that nobody agreed to, beside "all is in order": that is read as consent."""
    desk = sit("idp:20")
    desk.rewrite('delegated_names: ["*.univ.example"]', 'delegated_names: ["idp.univ.example"]')
    desk.run("apply", desk.folder, "--yes")

    result = desk.run("check", "univ")
    found = desk.document("check", "univ")

    assert "SECURITY" in result.stdout
    assert "Renewals work; 1 security finding." in result.stdout
    assert "passed" not in result.stdout.splitlines()[-1]
    assert [one["code"] for one in found["findings"] if one["security"]] == ["WiderThanWanted"]
    assert [one["code"] for one in found["steps"] if one["security"]] == ["WiderThanWanted"]
    assert "(sécurité)" in desk.run("findings", "univ", "--language", "fr").stdout


def test_an_open_order_is_told_as_one_that_is_collected(sit: Sit):
    """The word "planned" reads as if another one were ordered."""
    desk = sit("idp", scm="dials: {issuance_polls: 0, outcome: requested}\n")
    desk.run("renew", "univ/idp")

    said = " ".join(desk.run("check", "univ").stdout.split())

    assert "univ/idp: a run would collect order " in said
    assert "and order nothing (order-open)" in said
    assert "planned, order-open" not in said


def test_from_here_warns_and_asks_first(sit: Sit):
    """A refused attempt counts as a failed login, so nobody makes one by accident."""
    desk = sit("idp:20")
    before = len(desk.system.simulator.calls)

    result = desk.run("check", "univ", "--from-here")

    assert result.exit_code == 2
    assert "failed login" in result.stderr
    assert len(desk.system.simulator.calls) == before


def test_to_be_let_in_from_here_is_wrong(sit: Sit):
    """Without an access list whoever has the password can order from anywhere."""
    result = sit("idp:20").run("check", "univ", "--from-here", "--yes")

    assert result.exit_code == 1
    assert "step 8" in result.stdout


def test_to_be_refused_from_here_is_right(sit: Sit):
    """The access list names one address, and this is not it; one attempt, no second."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    before = len(desk.system.simulator.calls)

    found = desk.document("check", "univ", "--from-here", "--yes")

    assert (found["outcome"], found["good"]) == ("refused", True)
    assert "answers a wrong password in the same way" in found["text"]
    assert len(desk.system.simulator.calls) == before + 1


def test_a_rotations_password_is_not_tried_from_here(sit: Sit):
    """The functions try it when the current one is refused; from here that would be a second failed login."""
    desk = sit("idp:20")
    desk.store_wrong_password()
    desk.system.aws.client("secretsmanager").put_secret_value(
        SecretId="certmandate/univ", SecretString=json.dumps(desk.secret()), VersionStages=["AWSPENDING"]
    )
    before = len(desk.system.simulator.calls)

    assert desk.run("check", "univ", "--from-here", "--yes").exit_code == 0
    assert len(desk.system.simulator.calls) == before + 1


def test_an_unknown_delegation_starts_nothing(sit: Sit):
    """A run that fails on its input pages somebody."""
    desk = sit("idp:20")

    assert desk.run("check", "typo").exit_code == 2
    assert desk.document("status")["runs"] == []
