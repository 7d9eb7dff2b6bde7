"""`certmandate credential --rotate`: the shipped function rotates the password, and the command prints the result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import rotate_password
from certmandate.stored_credential import rotation
from tests.certmandate.desk import CANARY, Desk, seated

ROTATE = ("credential", "univ", "--rotate", "--yes")


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate with the function that rotates."""
    with seated(tmp_path_factory.mktemp("rotation"), "idp:20") as running:
        running.system.aws.handlers["RotatePasswordFunction"] = rotate_password.handler
        yield running


def write_log(desk: Desk, line: str) -> None:
    """Write into the functions' log as Lambda does when the function fails."""
    logs, group = desk.system.aws.client("logs"), desk.system.aws.outputs["FunctionLogs"]
    stream = "2026/11/25/certmandate-RotatePasswordFunction[$LATEST]0123"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    soon = int((datetime.now(UTC) + timedelta(minutes=1)).timestamp() * 1000)  # the rotation begins after this line
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": soon, "message": line}])


def test_rotate_replaces_the_password_and_keeps_the_interval(desk: Desk):
    """The portal is closed to an API account; without the function's ARN, a second rotation would fail."""
    before = desk.secret()["password"]

    found = desk.document(*ROTATE, "--rotate-days", "22")
    first = desk.secret()["password"]
    again = desk.run(*ROTATE)

    assert (found["did"], found["rotation_days"]) == ("rotated", 22)
    assert found["next_rotation"] >= str(datetime.now(UTC).date() + timedelta(days=21))
    assert (again.exit_code, "Next rotation: in 22 days" in again.stdout) == (0, True)
    assert len({before, first, desk.secret()["password"]}) == 3
    described = desk.system.aws.client("secretsmanager").describe_secret(SecretId="certmandate/univ")
    assert described["RotationRules"]["AutomaticallyAfterDays"] == 22
    assert desk.document("check", "univ")["steps"][5]["verdict"] == "done"


def test_a_rotation_ends_the_refusal_of_the_former_password(desk: Desk):
    """The function had logged in with the new password, and `status` went on with the refusal until the next run."""
    right = desk.secret()
    desk.store_wrong_password()
    desk.run("check", "univ")
    login, wrong = right["login"], desk.secret()["password"]
    desk.system.simulator.set_password(login, wrong)  # the RAO has set what is stored

    refused = desk.document("status")
    desk.document(*ROTATE)
    rotated = desk.document("status")

    codes = [{each["code"] for each in found["delegations"][0]["findings"]} for found in (refused, rotated)]
    assert codes == [{"CredentialRefused", "LoginRefused"}, {"CredentialUntried"}]
    text = "the password that SCM refused was rotated, and no run has logged in with it since"
    assert rotated["delegations"][0]["findings"][0]["text"] == text


def test_rotate_announces_the_notice_to_the_rao_first(desk: Desk):
    """The RAO would take an unannounced notice for a break-in; without confirmation nothing changes."""
    before = desk.secret()

    result = desk.run("credential", "univ", "--rotate")

    assert (result.exit_code, "inform rao@univ.example beforehand" in result.stdout) == (2, True)
    assert desk.secret() == before


def test_a_failed_rotation_prints_its_error(desk: Desk):
    """The error is only in the log of the functions, in no run and no report."""
    desk.store_wrong_password()
    write_log(
        desk, json.dumps({"errorType": "CredentialRefused", "errorMessage": "SCM refuses both", "level": "ERROR"})
    )

    assert "was not rotated: CredentialRefused: SCM refuses both" in desk.refused(*ROTATE, code=1)
    assert desk.secret()["password"] == CANARY


def test_a_rotation_without_an_end_is_reported(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """A function that runs out of time logs no error."""
    monkeypatch.setattr(rotation, "LONGEST_ROTATION", 0.0)
    desk.store_wrong_password()

    assert "check the log group" in desk.refused(*ROTATE, code=1)


def test_an_unfinished_rotation_is_retried_and_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Secrets Manager refuses a second rotation and retries the first."""
    monkeypatch.setattr(rotation, "LONGEST_ROTATION", 0.0)
    desk.system.aws.handlers["RotatePasswordFunction"] = lambda _event, _context: 1 / 0
    assert desk.run(*ROTATE).exit_code == 1
    desk.system.aws.handlers["RotatePasswordFunction"] = rotate_password.handler

    result = desk.run(*ROTATE)

    assert (result.exit_code, "Secrets Manager retries it" in result.stdout) == (0, True)


def test_a_credential_without_a_password_is_not_rotated(desk: Desk):
    """An OAuth2 client, a deleted secret and a missing secret."""
    assert desk.run(*ROTATE, "--oauth").exit_code == 2
    client = {"client_id": "x", "client_secret": CANARY}
    desk.run("credential", "univ", "--oauth", "--stdin", stdin=json.dumps(client))
    assert "no password to rotate" in desk.run(*ROTATE).stderr
    secrets = desk.system.aws.client("secretsmanager")
    secrets.delete_secret(SecretId="certmandate/univ")
    assert "scheduled for deletion" in desk.run(*ROTATE).stderr
    secrets.delete_secret(SecretId="certmandate/univ", ForceDeleteWithoutRecovery=True)
    assert "store the credential first" in desk.run(*ROTATE).stderr
