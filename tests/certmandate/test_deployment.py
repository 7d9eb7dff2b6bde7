from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
import typer
from typer.testing import CliRunner

from certmandate.cli import app, main
from certmandate.deployment import StackOptions, find
from certmandate.exit import DeploymentMissing, exit_on_error
from certmandate.options import confirm
from renewal.domain.errors import StoreRefused

FOUND = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks>
<member><StackName>certmandate</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<CreationTime>2026-11-23T08:00:00Z</CreationTime>
<Parameters><member><ParameterKey>ScmUrl</ParameterKey><ParameterValue>https://scm.example/api</ParameterValue></member>
</Parameters><Outputs><member><OutputKey>StateMachineArn</OutputKey>
<OutputValue>arn:aws:states:eu-west-3:123456789012:stateMachine:renewal</OutputValue></member></Outputs></member></Stacks>
</DescribeStacksResult></DescribeStacksResponse>"""
ERROR = """<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>
<Code>{}</Code><Message>{}</Message></Error></ErrorResponse>"""
ANSWERS = {
    "certmandate": (200, FOUND),
    "page": (200, "<html><title>Proxy"),
    "denied": (403, ERROR.format("AccessDenied", "not authorized to perform: cloudformation:DescribeStacks")),
    "expired": (403, ERROR.format("ExpiredToken", "The security token included in the request is expired")),
    "busy": (400, ERROR.format("Throttling", "Rate exceeded")),
}


class CloudFormation(BaseHTTPRequestHandler):
    """The API with one stack."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        stack = parse_qs(asked)["StackName"][0]
        status, page = ANSWERS.get(stack, (400, ERROR.format("ValidationError", "Stack with id typo does not exist")))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An account with nothing but CloudFormation, on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), CloudFormation)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    for name in (
        "CERTMANDATE_OUTPUTS",
        "CERTMANDATE_STACK",
        "STACK",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    nothing = tmp_path_factory.mktemp("aws") / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nothing))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nothing))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stack_is_found_by_its_name_with_outputs_and_parameters():
    """Operators do not copy ARNs; the address of SCM is a parameter, not an output."""
    deployment = find(StackOptions(region="eu-west-3"))

    assert deployment.fact("ScmUrl") == "https://scm.example/api"
    assert deployment.region == "eu-west-3"


def test_a_missing_output_of_an_older_stack_is_named():
    """The command may be newer than the deployed stack."""
    with pytest.raises(DeploymentMissing, match=r"no output OrdersTable: deploy"):
        find(StackOptions(region="eu-west-3")).fact("OrdersTable")


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (("--stack", "typo", "--region", "eu-west-3"), 2, "'typo'"),
        (("--profile", "typo"), 2, "no profile 'typo'"),
        ((), 3, "--region"),
        (("--stack", "page", "--region", "eu-west-3"), 3, "ResponseParserError"),
        (("--stack", "denied", "--region", "eu-west-3"), 3, "AccessDenied"),
        (("--stack", "expired", "--region", "eu-west-3"), 3, "log in again (`aws sso login`), then repeat the command"),
        (("--stack", "busy", "--region", "eu-west-3"), 75, "Throttling"),
    ],
)
def test_the_error_of_a_missing_stack_has_the_remedy(options: tuple[str, ...], code: int, expected: str):
    """N5, N6: a script must distinguish a typing error from an account that cannot be reached, now or for long.

    `page`: a proxy answered with its own page.
    """
    result = CliRunner().invoke(app, ["status", "--json", *options])

    assert result.exit_code == code
    assert expected in result.stderr
    document = json.loads(result.stdout)
    assert document["exit_code"] == code
    assert expected in document["text"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("SSLKEYLOGFILE", "/missing/file"), ("AWS_ENDPOINT_URL", "nonsense"), ("AWS_MAX_ATTEMPTS", "many")],
)
def test_a_malformed_environment_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    """N9: the libraries' own errors are tracebacks."""
    monkeypatch.setenv(name, value)

    result = CliRunner().invoke(app, ["status", "--region", "eu-west-3"])

    assert result.exit_code == 2
    assert name in result.stderr


def test_an_option_that_the_exports_would_override_is_refused(monkeypatch: pytest.MonkeyPatch):
    """N5: the change would be made in another stack than the one that was named."""
    monkeypatch.setenv("CERTMANDATE_OUTPUTS", "{}")

    result = CliRunner().invoke(app, ["status", "--stack", "production"])

    assert result.exit_code == 2
    assert "--stack production would have no effect" in result.stderr


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://dynamodb.eu-west-3.amazonaws.com", "AWS account 123456789012, region eu-west-3, stack certmandate."),
        ("http://127.0.0.1:1", "On this machine: `certmandate local up`."),
    ],
)
def test_the_stack_that_is_changed_is_named(monkeypatch: pytest.MonkeyPatch, endpoint: str, expected: str):
    """N5: a second terminal without the exports works on production, and nothing else shows it."""
    deployment = find(StackOptions(region="eu-west-3"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    assert deployment.identity == expected


def test_drill_is_refused_on_this_machine_before_it_sets_an_alarm(monkeypatch: pytest.MonkeyPatch):
    """It set the alarms, and failed at the first query of their history."""
    outputs = {"StateMachineArn": "arn:aws:states:eu-west-3:123456789012:stateMachine:renewal"}
    monkeypatch.setenv("CERTMANDATE_OUTPUTS", json.dumps(outputs))

    result = CliRunner().invoke(app, ["drill", "--yes"], env={"COLUMNS": "200"})

    assert (result.exit_code, "drill needs a real AWS account" in result.stderr) == (2, True)


@pytest.mark.parametrize(("pressed", "code"), [(KeyboardInterrupt, 130), (EOFError, 2)])
def test_an_interruption_at_a_question_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, pressed: type[BaseException], code: int
):
    """N6: a script that is stopped must not take it for a refusal by certmandate."""

    def read(_: str) -> str:
        raise pressed

    monkeypatch.setattr("typer._click.termui.visible_prompt_func", read)
    monkeypatch.setattr("certmandate.cli.app", app_with_a_question())

    assert main(["ask"]) == code


def app_with_a_question() -> typer.Typer:
    asking = typer.Typer()

    @asking.callback()
    def root() -> None:
        """Make `ask` a command of its own."""

    @asking.command("ask")
    def ask() -> None:
        with exit_on_error():
            confirm("Go on?", yes=False)

    return asking


def test_a_refusal_by_dynamodb_is_one_of_aws() -> None:
    """With the exports of a stack, no other call comes before the order book's: it had the code of a found problem."""
    with pytest.raises(typer.Exit) as ended, exit_on_error():
        raise StoreRefused("dynamodb:Query: AccessDeniedException")

    assert ended.value.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--stack", "typo", "status"), "certmandate"),
        (("status", "--stack", "typo"), "certmandate"),
        (("--stack", "certmandate", "status", "--stack=typo"), "certmandate"),
        (("status",), "typo"),
    ],
)
def test_stack_options_are_accepted_before_and_after_the_command(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], environment: str
):
    """Scripts have them after the command; the nearest one to the command's end wins, the environment comes last."""
    monkeypatch.setenv("CERTMANDATE_STACK", environment)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")

    assert "stack 'typo'" in CliRunner().invoke(app, arguments).stderr


@pytest.mark.parametrize("text", ['{"StateMachineArn": ', "[" * 50_000])
def test_malformed_outputs_in_the_environment_are_refused(monkeypatch: pytest.MonkeyPatch, text: str):
    """Only half of the line may have been pasted into the shell."""
    monkeypatch.setenv("CERTMANDATE_OUTPUTS", text)

    with pytest.raises(DeploymentMissing, match="certmandate local up"):
        find(StackOptions())
