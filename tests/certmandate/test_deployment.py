from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from certmandate.cli import app
from certmandate.deployment import StackOptions, find
from certmandate.exit import DeploymentMissing

FOUND = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks>
<member><StackName>certmandate</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<CreationTime>2026-11-23T08:00:00Z</CreationTime>
<Parameters><member><ParameterKey>ScmUrl</ParameterKey><ParameterValue>https://scm.example/api</ParameterValue></member>
</Parameters><Outputs><member><OutputKey>StateMachineArn</OutputKey>
<OutputValue>arn:aws:states:eu-west-3:123456789012:stateMachine:renewal</OutputValue></member></Outputs></member></Stacks>
</DescribeStacksResult></DescribeStacksResponse>"""
MISSING = """<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>
<Code>ValidationError</Code><Message>Stack with id typo does not exist</Message></Error></ErrorResponse>"""


class CloudFormation(BaseHTTPRequestHandler):
    """The API with one stack."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        known = "StackName=certmandate" in asked
        self.send_response(200 if known else 400)
        self.end_headers()
        self.wfile.write((FOUND if known else MISSING).encode())

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
    ("options", "expected"),
    [
        (("--stack", "typo", "--region", "eu-west-3"), "'typo'"),
        (("--profile", "typo"), "no profile 'typo'"),
        ((), "--region"),
    ],
)
def test_the_error_of_a_missing_stack_has_the_remedy(options: tuple[str, ...], expected: str):
    """Another stack, another profile and no region are the commonest mistakes."""
    result = CliRunner().invoke(app, ["status", *options])

    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output


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


def test_malformed_outputs_in_the_environment_are_refused(monkeypatch: pytest.MonkeyPatch):
    """Only half of the line may have been pasted into the shell."""
    monkeypatch.setenv("CERTMANDATE_OUTPUTS", '{"StateMachineArn": ')

    with pytest.raises(DeploymentMissing, match="certmandate local up"):
        find(StackOptions(region="eu-west-3"))
