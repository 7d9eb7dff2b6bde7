from __future__ import annotations

import json

import pytest

from certmandate.stored_credential.rotation import ROTATION_OUTPUT
from tests.certmandate.desk import CANARY, Desk

ESTATE = ("idp:20",)


def test_three_lines_are_stored_and_never_printed(desk: Desk):
    """The desk searches every output for the canary password."""
    result = desk.run("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    assert result.exit_code == 0
    assert desk.secret() == {"login": "drao-univ", "password": CANARY, "customer_uri": "nren-a"}
    assert "certmandate/univ: replaced" in result.stdout


def test_json_is_accepted_as_scm_and_windows_write_it(desk: Desk):
    """N9: SCM's documentation has `customerUri`, and PowerShell puts a mark before UTF-8."""
    document = json.dumps({"login": "drao-univ", "password": CANARY, "customerUri": "nren-a"})

    assert desk.run("credential", "univ", "--stdin", stdin=f"\ufeff{document}").exit_code == 0
    assert desk.secret()["customer_uri"] == "nren-a"


def test_a_first_credential_creates_its_secret(desk: Desk):
    """It is stored before the delegation file is applied; the next step is printed."""
    document = {"client_id": "renewal", "client_secret": CANARY}

    result = desk.run("credential", "newcomer", "--oauth", "--stdin", stdin=json.dumps(document))

    assert result.exit_code == 0
    assert desk.secret("newcomer") == document
    assert "no password that expires" in result.stdout
    assert "certmandate apply" in result.stdout


def test_a_mistyped_name_is_noticed_when_its_credential_is_stored(desk: Desk):
    """No view has a credential without a delegation: the password of a RAO's account would stay there unnoticed."""
    typed = desk.run("credential", "univv", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n").stdout

    assert "The order book does not have univv; it has univ. If the name is mistyped, delete what was stored" in typed
    assert "aws secretsmanager delete-secret --secret-id certmandate/univv --recovery-window-in-days 7" in typed


def test_a_credential_of_an_earlier_version_is_protected(desk: Desk):
    """S8: it had neither; and after a rotation no one knows the password, to store it again."""
    client, name = desk.system.aws.client("secretsmanager"), "certmandate/univ"
    client.delete_resource_policy(SecretId=name)
    client.update_secret(SecretId=name, KmsKeyId="alias/aws/secretsmanager")
    before = desk.secret()

    assert "lacks the stack's key and policy" in desk.run("check", "univ").stderr
    assert desk.document("credential", "univ", "--protect")["did"] == "protected"
    assert desk.document("credential", "univ", "--protect")["did"] == "unchanged"

    outputs = desk.system.aws.outputs
    assert desk.secret() == before
    assert client.describe_secret(SecretId=name)["KmsKeyId"] == outputs["CredentialKeyArn"]
    policy = json.loads(client.get_resource_policy(SecretId=name)["ResourcePolicy"])
    readers = policy["Statement"][0]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert readers == outputs["CredentialReaders"].split(",")
    assert "credential lacks" not in desk.run("check", "univ").stderr


def test_a_new_secret_is_protected(desk: Desk):
    """S8: from the first moment, whatever the stack's default key permits."""
    desk.run("credential", "newcomer", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    assert desk.document("credential", "newcomer", "--protect")["did"] == "unchanged"


def test_storing_a_credential_withdraws_the_pending_password(desk: Desk):
    """A rotation that was interrupted made it for the credential before; it must not be set on this account."""
    client = desk.system.aws.client("secretsmanager")
    client.put_secret_value(
        SecretId="certmandate/univ", SecretString=json.dumps(desk.secret()), VersionStages=["AWSPENDING"]
    )

    desk.run("credential", "univ", "--stdin", stdin=f"drao-other\n{CANARY}\nnren-a\n")

    described = client.describe_secret(SecretId="certmandate/univ")
    labels = [label for found in described["VersionIdsToStages"].values() for label in found]
    assert "AWSPENDING" not in labels
    assert desk.secret()["login"] == "drao-other"


WRONG = {
    "too few lines": (("univ",), f"drao-univ\n{CANARY}\n", "3 lines"),
    "an empty password": (("univ",), "drao-univ\n\nnren-a\n", "lacks password"),
    "a letter that no header allows": (("univ",), f"drao-univ\n{CANARY}é\nnren-a\n", "printable ASCII"),
    "a blank at the end": (("univ",), f"drao-univ\n{CANARY} \nnren-a\n", "blank"),
    "malformed JSON": (("univ",), f'{{"password": "{CANARY}"', "not a JSON object"),
    "JSON that is nested without end": (("univ",), '{"login": ' + "[" * 3000, "not a JSON object"),
    "JSON of numbers": (("univ",), '{"login": 1}', "not a JSON object"),
    "an unknown member": (("univ",), json.dumps({"client_secret": CANARY}), "--oauth"),
    "an invalid name": (("Univ_1",), f"drao-univ\n{CANARY}\nnren-a\n", "lower-case"),
    "an address as customer URI": (
        ("univ",),
        f"drao-univ\n{CANARY}\nhttps://scm.example/customer/nren-a\n",
        "only the last part",
    ),
    "too long an input": (("univ",), CANARY * 1000, "no credential"),
}


@pytest.mark.parametrize(("arguments", "stdin", "expected"), WRONG.values(), ids=WRONG)
def test_a_malformed_credential_is_not_stored(desk: Desk, arguments: tuple[str, ...], stdin: str, expected: str):
    """A wrong credential costs a failed login at SCM; no error quotes the secret."""
    before = desk.secret()

    assert expected in desk.refused("credential", *arguments, "--stdin", stdin=stdin)
    assert desk.secret() == before


def test_storing_a_password_schedules_its_rotation(desk: Desk):
    """Passwords expire after 90 days, and rotation must not depend on memory."""
    found = desk.document("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    described = desk.system.aws.client("secretsmanager").describe_secret(SecretId="certmandate/univ")
    assert found["rotation_days"] == 60
    assert described["RotationLambdaARN"] == desk.system.aws.outputs[ROTATION_OUTPUT]
    assert described["RotationRules"]["AutomaticallyAfterDays"] == 60


def test_the_rotation_interval_is_kept(desk: Desk):
    """A customer's passwords expire after 45 days; the next operator may have no note of it."""
    text = f"drao-univ\n{CANARY}\nnren-a\n"
    assert desk.document("credential", "univ", "--stdin", "--rotate-days", "22", stdin=text)["rotation_days"] == 22

    assert desk.document("credential", "univ", "--stdin", stdin=text)["rotation_days"] == 22


def test_a_stack_without_rotation_prints_a_reminder(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """On an older stack the password would expire unnoticed."""
    outputs = {name: value for name, value in desk.system.aws.outputs.items() if name != ROTATION_OUTPUT}
    monkeypatch.setenv("CERTMANDATE_OUTPUTS", json.dumps(outputs))

    result = desk.run("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    assert "change the password before it expires" in result.stdout
