"""Each check of the state machine's lint finds its fault, and finds none in a sound machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gate.asl.__main__ import lint, lint_template, main
from gate.asl.error_names import Names

SOUND = Path(__file__).with_name("sound.asl.yaml").read_text(encoding="utf-8")
SUBSTITUTIONS = ("ReportFunction", "CheckExpiryFunction", "CollectFunction")
NAMES = Names(
    raised=frozenset({"CredentialRefused", "OrderPending", "StoreUnavailable"}),
    retryable=frozenset({"OrderPending", "StoreUnavailable"}),
    families=frozenset({"NeedsAttention"}),
)

CATCH_PENDING = "            - ErrorEquals: [OrderPending]\n              Next"
CATCH_ALL = "            - ErrorEquals: [States.ALL]\n              Next: NotStored\n"

FAULTS = {
    "a field that the language does not have": (
        "Label: Renew", "Labell: Renew", '"Labell" not allowed'),
    "a transition to nowhere": (
        "Next: RenewEach", "Next: RenewAll", "RenewAll"),
    "a state that nothing leads to": (
        "  Done:\n", "  Lost: {Type: Succeed}\n  Done:\n", "No transition found to state State Machine.Lost"),
    "a key that occurs twice": (
        "  Done:\n", "  Done: {Type: Succeed}\n  Done:\n", "Done occurs twice"),
    "text that is not YAML": (
        "StartAt: CheckExpiry\nTime", "StartAt: [CheckExpiry\nTime", "expected"),
    "a placeholder that the template does not fill": (
        "${CollectFunction}", "${ColectFunction}", r"\$\{ColectFunction\} is not among"),
    "a substitution that the machine does not use": (
        "${CollectFunction}", "arn:aws:lambda:eu-west-1:1:function:collect", "CollectFunction is not used"),
    "a machine that may run for ever": (
        "TimeoutSeconds: 3600\n", "", "the machine has no TimeoutSeconds"),
    "a task that may run for ever": (
        "    TimeoutSeconds: 10\n", "", "Tell: a Task without TimeoutSeconds"),
    "a misspelt error in a Retry": (
        "[StoreUnavailable,", "[StoreUnavailable, StoreUnavailabel,", "StoreUnavailabel is neither raised"),
    "a misspelt error in a Catch": (
        "[OrderPending]\n              Next", "[Pending]\n              Next", "Catch: Pending is neither"),
    "an error of AWS's that does not exist": (
        "Lambda.TooManyRequestsException", "Lambda.TooManyRequests", "TooManyRequests is neither"),
    "a family of errors, which matches none of its members": (
        "[States.ALL]", "[NeedsAttention]", "NeedsAttention is a family"),
    "a retry of an error that no retry resolves": (
        "[StoreUnavailable,", "[StoreUnavailable, CredentialRefused,", "CredentialRefused is not retryable"),
    "an error that nothing can catch": (
        "[States.ALL]", "[States.Runtime]", "States.Runtime can be neither"),
    "a transient error that is retried nowhere": (
        "[StoreUnavailable,", "[States.Timeout,", "StoreUnavailable can be retried, and no Retry names it"),
    "States.ALL among others": (
        "[States.ALL]", "[States.ALL, OrderPending]", "States.ALL can only appear"),
    "a Catch behind States.ALL": (
        CATCH_PENDING, CATCH_ALL + CATCH_PENDING,
        "never reached|can only appear"),
    "a Retry behind States.ALL": (
        "[StoreUnavailable, Lambda.Too", "[States.ALL]\n      - ErrorEquals: [StoreUnavailable, Lambda.Too",
        "never reached"),
    "a Choice on an error that nothing raises": (
        "StringEquals: CredentialRefused", "StringEquals: CredentialsRefused", "which nothing raises"),
    "an integration that does not exist": (
        "lambda:invoke", "lambda:invokeFunction", "Task: arn:aws:states:::lambda:invokeFunction is not among"),
    "a reader that cannot read": (
        "s3:getObject", "s3:readObject", "ItemReader: arn:aws:states:::s3:readObject is not among"),
    "a writer that cannot write": (
        "s3:putObject", "s3:writeObject", "ResultWriter: arn:aws:states:::s3:writeObject is not among"),
    "a path in a field whose name does not end in .$": (
        "run_id.$: $$.Execution.Name", "run_id: $$.Execution.Name", "passed on as text"),
    "an intrinsic function in a field whose name does not end in .$": (
        "Message.$: States", "Message: States", "passed on as text"),
    "tolerance in an inline Map": (
        "DISTRIBUTED, ExecutionType: STANDARD", "INLINE", "ToleratedFailurePercentage needs a DISTRIBUTED"),
    "a mode that does not exist": (
        "Mode: DISTRIBUTED", "Mode: DISTRIBUTE", "DISTRIBUTE"),
    "a whole number as a back-off rate": (
        "BackoffRate: 2.0", "BackoffRate: 2", "BackoffRate"),
    "a whole number as a percentage": (
        "ToleratedFailurePercentage: 100.0", "ToleratedFailurePercentage: 100", "as a decimal"),
    "a query language that does not run offline": (
        "  Done:\n    Type: Succeed", "  Done:\n    Type: Succeed\n    QueryLanguage: JSONata", "JSONata"),
    "an optional field read without a test": (
        "Default: Done", "Default: Tell", r"Tell: reads \$.note, but \$.note may be missing"),
    "a field of the execution's input, all of which are optional": (
        "request.$: $\n", "request.$: $.reason\n", r"reads \$.reason, but"),
    "the same by way of the context": (
        "request.$: $\n", "request.$: $$.Execution.Input.reason\n", "Execution.Input.reason, but"),
    "a result read where the step that makes it has failed": (
        "          Type: Fail\n          ErrorPath: $.error.Error",
        "          Type: Fail\n          ErrorPath: $.collected.status", r"\$.collected may be missing"),
    "an error read where nothing has failed": (
        "status.$: $.collected.status", "status.$: $.error.Error", r"\$.error may be missing"),
}  # fmt: skip


def linted(text: str) -> list[str]:
    """Return the findings about *text*."""
    return list(lint(text, dict.fromkeys(SUBSTITUTIONS), NAMES))


def test_a_sound_machine_has_no_finding():
    """A lint with false findings is switched off."""
    assert linted(SOUND) == []


@pytest.mark.parametrize(("sound", "fault", "finding"), FAULTS.values(), ids=FAULTS)
def test_the_lint_finds(sound: str, fault: str, finding: str):
    """Each of these deploys without an error, or is refused only by AWS."""
    assert sound in SOUND

    found = "\n".join(linted(SOUND.replace(sound, fault)))

    assert re.search(finding, found)


def test_the_names_are_those_of_the_functions():
    """The names that the state machine may use come from the tree of errors."""
    names = Names.of_the_functions()

    assert names.retryable < names.raised
    assert "ScmUnavailable" in names.retryable
    assert "OrderPending" not in names.retryable
    assert names.families >= {"NeedsAttention", "RenewalError", "Retryable"}
    assert not names.families & names.raised


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Renewal:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: renewal.asl.yaml
      DefinitionSubstitutions: {ReportFunction: a, CheckExpiryFunction: b, CollectFunction: c}
"""


def test_the_machine_is_found_through_the_template(tmp_path: Path):
    """The template names the file that is deployed."""
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)

    assert "renewal.asl.yaml is not a file" in "".join(lint_template(template, NAMES))

    (tmp_path / "renewal.asl.yaml").write_text(SOUND)
    assert list(lint_template(template, NAMES)) == []


def test_a_finding_fails_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`make check` reads only the exit code."""
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    (tmp_path / "renewal.asl.yaml").write_text("StartAt: Nowhere")

    assert main([str(template)]) == 1
    assert "renewal.asl.yaml: " in capsys.readouterr().err
