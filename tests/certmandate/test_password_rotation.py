"""`certmandate credential --rotate`: the shipped function replaces the password, and the command says how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import rotate_password
from certmandate import password_rotation
from tests.certmandate.desk import CANARY, Desk, seated

ROTATE = ("credential", "univ", "--rotate", "--yes")


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate with the function that rotates."""
    with seated(tmp_path_factory.mktemp("rotation"), "idp:20") as one:
        one.system.aws.handlers["RotatePasswordFunction"] = rotate_password.handler
        yield one


def write_log(desk: Desk, line: str) -> None:
    """Write into the functions' log as Lambda does when the function fails."""
    logs, group = desk.system.aws.client("logs"), desk.system.aws.outputs["FunctionLogs"]
    stream = "2026/11/25/certmandate-RotatePasswordFunction[$LATEST]0123"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    soon = int((datetime.now(UTC) + timedelta(minutes=1)).timestamp() * 1000)  # the rotation begins after this line
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": soon, "message": line}])


def described(desk: Desk) -> Any:
    return desk.system.aws.client("secretsmanager").describe_secret(SecretId="certmandate/univ")


def test_the_password_is_replaced_on_demand(desk: Desk):
    """Somebody saw it, or it ends too soon: nobody needs the portal, which an API account cannot open."""
    before = desk.secret()["password"]

    found = desk.document(*ROTATE, "--rotate-days", "22")

    assert desk.secret()["password"] != before
    assert (found["did"], found["rotation_days"]) == ("rotated", 22)
    assert found["next_rotation"] >= str(datetime.now(UTC).date() + timedelta(days=21))
    assert desk.document("check", "univ")["steps"][5]["verdict"] == "done"


def test_it_can_be_replaced_again_as_often_as_before(desk: Desk):
    """Without the function's ARN Secrets Manager would have no password to rotate with."""
    desk.run(*ROTATE, "--rotate-days", "22")
    first = desk.secret()["password"]

    result = desk.run(*ROTATE)

    assert (result.exit_code, desk.secret()["password"] == first) == (0, False)
    assert "Next rotation: in 22 days" in result.stdout
    assert described(desk)["RotationRules"]["AutomaticallyAfterDays"] == 22


def test_the_notice_to_the_rao_is_told_before(desk: Desk):
    """SCM's notice of a change that nobody announced reads as a break-in; without a yes nothing is changed."""
    before = desk.secret()

    result = desk.run("credential", "univ", "--rotate")

    assert (result.exit_code, "inform rao@univ.example beforehand" in result.stdout) == (2, True)
    assert desk.secret() == before


def test_a_rotation_that_fails_says_why(desk: Desk):
    """It is in no run and no report: the functions' log is the only place that has it."""
    desk.store_wrong_password()
    write_log(
        desk, json.dumps({"errorType": "CredentialRefused", "errorMessage": "SCM refuses both", "level": "ERROR"})
    )

    result = desk.run(*ROTATE)

    assert result.exit_code == 1
    assert "was not rotated: CredentialRefused: SCM refuses both" in result.stderr
    assert desk.secret()["password"] == CANARY


def test_a_rotation_that_is_not_over_is_not_waited_for_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """The function may have run out of time, which it does not log itself."""
    monkeypatch.setattr(password_rotation, "LONGEST_ROTATION", 0.0)
    desk.store_wrong_password()

    result = desk.run(*ROTATE)

    assert (result.exit_code, "check the log group" in result.stderr) == (1, True)


def test_an_unfinished_rotation_is_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Secrets Manager refuses a second one and takes the first up again."""
    monkeypatch.setattr(password_rotation, "LONGEST_ROTATION", 0.0)
    desk.system.aws.handlers["RotatePasswordFunction"] = lambda _event, _context: 1 / 0
    assert desk.run(*ROTATE).exit_code == 1
    desk.system.aws.handlers["RotatePasswordFunction"] = rotate_password.handler

    result = desk.run(*ROTATE)

    assert (result.exit_code, "Secrets Manager retries it" in result.stdout) == (0, True)


def test_what_has_no_password_is_not_rotated(desk: Desk):
    """An OAuth2 client, a secret that is not there, one that is about to be deleted, something to store besides."""
    assert desk.run(*ROTATE, "--oauth").exit_code == 2
    client = {"client_id": "x", "client_secret": CANARY}
    desk.run("credential", "univ", "--oauth", "--stdin", stdin=json.dumps(client))
    assert "no password to rotate" in desk.run(*ROTATE).stderr
    secrets = desk.system.aws.client("secretsmanager")
    secrets.delete_secret(SecretId="certmandate/univ")
    assert "scheduled for deletion" in desk.run(*ROTATE).stderr
    secrets.delete_secret(SecretId="certmandate/univ", ForceDeleteWithoutRecovery=True)
    assert "store the credential first" in desk.run(*ROTATE).stderr
    assert desk.run("credential", "nobody", "--rotate", "--yes").exit_code == 2
