"""Commands that contradict themselves, or name what does not exist."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from certmandate.cli import app, main
from tests.certmandate.desk import Desk

ESTATE = ("idp:20", "www")

PATH = "must be DELEGATION/NAME"
REVOKE = ("revoke", "univ/idp", "--reason-code")
REPORT = ("report", "univ", "--json", "--month")
WRONG = {
    "show a delegation": (("show", "univ"), PATH),
    "show no name": (("show", "univ/"), PATH),
    "show no delegation": (("show", "/idp"), PATH),
    "show three parts": (("show", "a/b/c"), PATH),
    "show an unknown certificate": (("show", "univ/typo"), "univ/typo"),
    "check an unknown delegation": (("check", "typo"), "typo"),
    "check from here, unconfirmed": (("check", "univ", "--from-here"), "failed login"),
    "retire an unknown delegation": (("retire", "typo", "--yes"), "typo"),
    "adopt from no store": (("adopt", "univ/www", "--yes"), "--pem"),
    "a credential without a terminal": (("credential", "univ"), "--stdin"),
    "renew nothing": (("renew", "--yes"), "name what to renew"),
    "renew all and one": (("renew", "--yes", "univ/idp", "--all-due"), "pass either it or names"),
    "renew an unknown certificate": (("renew", "--yes", "univ/typo"), "univ/typo"),
    "renew an unknown delegation": (("renew", "--yes", "--delegation", "typo"), "typo"),
    "renew a malformed path": (("renew", "--yes", "idp"), PATH),
    "force without a reason": (("renew", "--yes", "univ/idp", "--force"), "needs a --reason for the audit trail"),
    "revoke nothing": (("revoke", "univ/www", "--reason-code", "superseded", "--yes"), "no stored certificate"),
    "revoke an unknown serial": ((*REVOKE, "superseded", "--serial", "FF", "--yes"), "never had serial"),
    "revoke, unconfirmed": ((*REVOKE, "superseded"), "Nothing was changed"),
    "revoke without a valid reason": ((*REVOKE, "boredom"), "boredom"),
    "report on a 13th month": ((*REPORT, "2026-13"), "'2026-13' is not a month; pass it as 2026-11"),
    "report on no month": ((*REPORT, "November"), "is not a month"),
    "report on the future": ((*REPORT, "2999-01"), "in the future"),
    "drill an unknown alarm": (("drill", "--alarm", "Typo", "--yes"), "no alarm Typo; its alarms are"),
    "drill another stack": (("drill", "--stack", "other", "--yes"), "--stack other would have no effect"),
    "drill, unconfirmed": (("drill",), "Nothing was changed"),
}


def everything(desk: Desk) -> tuple[Any, ...]:
    """Return the order book, the runs and the credential, and the number of requests that SCM received."""
    aws = desk.system.aws
    items = aws.client("dynamodb").scan(TableName=aws.outputs["OrdersTable"])["Items"]
    runs = aws.client("stepfunctions").list_executions(stateMachineArn=aws.outputs["StateMachineArn"])["executions"]
    return items, [run["name"] for run in runs], desk.secret(), len(desk.system.simulator.calls)


@pytest.mark.parametrize(("arguments", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_usage_exits_2_and_changes_nothing(desk: Desk, arguments: tuple[str, ...], expected: str):
    """A run that fails on its input raises an alarm, a login may be counted, and a revocation cannot be undone."""
    before = everything(desk)

    error = desk.refused(*arguments)

    assert expected in error
    assert everything(desk) == before


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ("status --expires-before 2026-13-01", "'2026-13-01' is not written as 'YYYY-MM-DD'"),
        ("replace --deadline tomorrow", "'tomorrow' is not written as 'YYYY-MM-DDTHH:MMZ', "),
        ("acknowledge univ x --reason y", "it must be a whole number"),
        ("credential univ --rotate-days 0", "it must be greater than or equal to 1"),
        ("findings univ --language de", "'de' is not one of 'fr', 'en'"),
    ],
)
def test_a_wrong_value_is_refused_without_the_words_of_libraries(
    arguments: str, printed: str, capsys: pytest.CaptureFixture[str]
):
    """N7: "Value error, …" leaked, and formats of strftime."""
    assert main([*arguments.split(), "--json"]) == 2

    text, error = capsys.readouterr()
    assert printed in json.loads(text)["text"]
    assert printed in error
    assert not [leak for leak in ("Value error", "Input should", "%") if leak in text + error]


def test_what_the_operator_wrote_is_quoted_as_it_was_written(capsys: pytest.CaptureFixture[str]):
    """Only the formats that the library lists are put into plain words."""
    assert main(["status", "--expires-before", "100%dark"]) == 2

    assert "'100%dark' is not written as 'YYYY-MM-DD'" in capsys.readouterr().err


def test_no_help_shows_a_format_of_strftime():
    """`<%Y-%m-%d>` is no example of a day."""
    for command in ("status", "replace"):
        assert "%" not in CliRunner().invoke(app, [command, "--help"]).output
