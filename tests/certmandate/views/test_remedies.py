"""Each problem has one command that can be typed as it is, or one page of SCM, or the reason why it has neither."""

from __future__ import annotations

import re
import shlex
from datetime import date

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from certmandate.cli import app
from certmandate.views.language import languages
from renewal.domain.errors import Actor, error_named
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.problem import Problem, problem_of
from renewal.domain.setup.finding import finding_in_scm
from tests.codes import finding_codes, problem_codes

COMMAND = get_command(app)
PLACEHOLDER = re.compile(r"…|\.\.\.|<\w+>|\{|\b[A-Z][A-Z_]{2,}\b")
WHERE = [("univ", ""), ("univ", "idp"), ("", "")]
"""What may be wrong: a delegation, a certificate, a replacement rule."""


def problem(code: str, actor: Actor, delegation: str = "univ", certificate: str = "") -> Problem:
    """A problem with *code*, as it is judged."""
    finding = finding_in_scm(code, "error", actor, "text", certificate)
    return problem_of(finding, delegation, (), date(2026, 11, 30), ActingTimes())


def for_rao() -> set[str]:
    """Codes for which the mail asks the RAO to act."""
    english = languages()[1].at("findings")
    asks = {code for code, text in english.items() if not text["do"].startswith("Nothing")}
    return asks & problem_codes() | {code for code in problem_codes() if error_named(code).actor == "rao"}


def require_accepted(arguments: list[str]) -> None:
    """Parse *arguments* as the command does: an option that it lacks is an error."""
    command, context = COMMAND, None
    while isinstance(command, TyperGroup):
        context = command.make_context("certmandate", [*arguments], parent=context)
        _, found, arguments = command.resolve_command(context, arguments)
        assert found
        command = found
    command.make_context("", arguments, parent=context)


def test_the_codes_are_found() -> None:
    """A parametrised test over an empty list proves nothing."""
    assert {"NotServed", "CredentialUntried", "RenewalOverdue", "StoreDrifted"} <= finding_codes()
    assert len(problem_codes()) > 90
    assert {"DcvMissing", "MandateEnding", "NotRevoked", "OrderPending"} <= for_rao()


@pytest.mark.parametrize("code", sorted(problem_codes()))
def test_the_operator_has_one_command_without_a_placeholder(code: str) -> None:
    """`certmandate plan DIR, then certmandate apply DIR` is two commands, and neither can be typed."""
    for delegation, certificate in WHERE:
        found = problem(code, "operator", delegation, certificate)
        if not found.command:
            assert found.remedy.startswith(("AWS: ", "first resolve", "no command", "not in SCM", "nothing to do"))
            assert "replies to the operator" not in found.remedy
            continue
        assert found.remedy == found.command
        assert not PLACEHOLDER.search(found.command)
        program, *arguments = shlex.split(found.command)
        assert program == "certmandate"
        require_accepted(arguments)


@pytest.mark.parametrize("code", sorted(for_rao()))
def test_the_rao_has_one_page_of_scm_or_the_reason(code: str) -> None:
    """An order that waits for approval had neither a command nor a page, and no word why."""
    found = problem(code, "rao", "univ", "idp")

    assert not found.command
    assert found.remedy.startswith(("SCM: ", "first resolve", "not in SCM", "nothing to do"))
    assert "replies to the operator" not in found.remedy
