from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from certmandate.password_rotation import ROTATION_OUTPUT
from tests.certmandate.desk import CANARY, Desk, seated


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An estate whose credential each test stores anew."""
    with seated(tmp_path_factory.mktemp("credential"), "idp:20") as one:
        yield one


def test_three_lines_are_stored_and_never_shown(desk: Desk):
    """The desk itself looks for the canary in everything that is printed."""
    result = desk.run("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    assert result.exit_code == 0
    assert desk.secret() == {"login": "drao-univ", "password": CANARY, "customer_uri": "nren-a"}
    assert "certmandate/univ: replaced" in result.stdout


def test_a_first_credential_makes_its_secret(desk: Desk):
    """A new delegation's credential is stored before its file is applied: the next step is said."""
    document = {"client_id": "renewal", "client_secret": CANARY}

    result = desk.run("credential", "newcomer", "--oauth", "--stdin", stdin=json.dumps(document))

    assert result.exit_code == 0
    assert desk.secret("newcomer") == document
    assert "no password that expires" in result.stdout
    assert "certmandate apply" in result.stdout


WRONG = {
    "too few lines": (("univ",), f"drao-univ\n{CANARY}\n", "3 lines"),
    "an empty password": (("univ",), "drao-univ\n\nnren-a\n", "lacks password"),
    "a letter that no header takes": (("univ",), f"drao-univ\n{CANARY}é\nnren-a\n", "printable ASCII"),
    "a blank at the end": (("univ",), f"drao-univ\n{CANARY} \nnren-a\n", "blank"),
    "JSON that is none": (("univ",), f'{{"password": "{CANARY}"', "not a JSON object"),
    "JSON of numbers": (("univ",), '{"login": 1}', "not a JSON object"),
    "a member that does not belong there": (("univ",), json.dumps({"client_secret": CANARY}), "--oauth"),
    "a name that nothing can have": (("Univ_1",), f"drao-univ\n{CANARY}\nnren-a\n", "lower-case"),
    "a flood": (("univ",), CANARY * 1000, "no credential"),
}


@pytest.mark.parametrize(("arguments", "stdin", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_a_credential_is_not_stored(desk: Desk, arguments: tuple[str, ...], stdin: str, told: str):
    """One wrong credential stored is one failed login counted by SCM; and no refusal quotes the secret."""
    before = desk.secret()

    result = desk.run("credential", *arguments, "--stdin", stdin=stdin)

    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
    assert desk.secret() == before


def test_without_a_terminal_nobody_is_asked(desk: Desk):
    """A prompt into a pipe would echo the password, or hang."""
    result = desk.run("credential", "univ")

    assert (result.exit_code, "--stdin" in result.stderr) == (2, True)


def test_a_password_is_rotated_from_then_on(desk: Desk):
    """Passwords live for 90 days; whoever stores one must not have to remember."""
    found = desk.document("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    described = desk.system.aws.client("secretsmanager").describe_secret(SecretId="certmandate/univ")
    assert found["rotation_days"] == 60
    assert described["RotationLambdaARN"] == desk.system.aws.outputs[ROTATION_OUTPUT]
    assert described["RotationRules"]["AutomaticallyAfterDays"] == 60


def test_the_interval_is_chosen_once(desk: Desk):
    """A customer's passwords live for 45 days; whoever stores the next one need not know that."""
    text = f"drao-univ\n{CANARY}\nnren-a\n"
    assert desk.document("credential", "univ", "--stdin", "--rotate-days", "22", stdin=text)["rotation_days"] == 22

    assert desk.document("credential", "univ", "--stdin", stdin=text)["rotation_days"] == 22


def test_a_stack_without_rotation_says_who_has_to_remember(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """An older stack: the password expires in silence, unless somebody is told now."""
    outputs = {name: value for name, value in desk.system.aws.outputs.items() if name != ROTATION_OUTPUT}
    monkeypatch.setenv("CERTMANDATE_OUTPUTS", json.dumps(outputs))

    result = desk.run("credential", "univ", "--stdin", stdin=f"drao-univ\n{CANARY}\nnren-a\n")

    assert "change the password before it expires" in result.stdout
