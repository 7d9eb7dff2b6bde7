from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local import LocalAws
from local.functions import pool

WORK = "certmandate-WorkFunction"


def invoke(aws: LocalAws, logical_id: str, event: Any) -> tuple[Any, str | None]:
    """Return the payload and the function error."""
    answer = aws.client("lambda").invoke(FunctionName=f"certmandate-{logical_id}", Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


@pytest.fixture(scope="module")
def observed(aws: LocalAws) -> dict[str, Any]:
    """What a function has of its environment."""
    answer, error = invoke(aws, "EnvironmentFunction", {})
    assert error is None
    return dict(answer)


def test_a_function_has_its_own_variables_and_no_others(observed: dict[str, Any]) -> None:
    """The operator's environment holds secrets and settings that are not there in Lambda."""
    variables = observed["variables"]

    assert variables["GREETING"] == "bonjour"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "certmandate-EnvironmentFunction"
    assert variables["ONLY_HERE"] == "yes"
    assert "VIRTUAL_ENV" not in variables
    assert "PYTEST_CURRENT_TEST" not in variables
    assert variables["AWS_CONFIG_FILE"] == os.devnull


def test_the_context_has_what_powertools_reads(observed: dict[str, Any], aws: LocalAws) -> None:
    """inject_lambda_context fails without any of them."""
    version, memory, arn, request_id = observed["context"]

    assert (version, memory) == ("$LATEST", 256)
    assert arn.endswith(":function:certmandate-EnvironmentFunction")
    assert request_id
    assert 0 < observed["remaining"] <= 5000


def test_an_idle_environment_is_used_again(observed: dict[str, Any], aws: LocalAws) -> None:
    """Clients and tokens kept between invocations must be met here too. There may be a second one, made in advance."""
    later = [invoke(aws, "EnvironmentFunction", {})[0]["pid"] for _ in range(3)]

    assert len({observed["pid"], *later}) <= 2


def test_an_exception_becomes_lambdas_error_document(aws: LocalAws) -> None:
    """The state machine takes the error's name from errorType."""
    document, error = invoke(aws, "WorkFunction", {"name": "declined"})

    assert error == "Unhandled"
    assert (document["errorType"], document["errorMessage"]) == ("OrderDeclined", "no")
    assert document["stackTrace"]


@pytest.mark.parametrize(
    ("name", "error_type"), [("exit", "Runtime.ExitError"), ("unserialisable", "Runtime.MarshalError")]
)
def test_a_handler_that_breaks_the_rules_gets_lambdas_own_error(aws: LocalAws, name: str, error_type: str) -> None:
    """Such a bug must not look like one of our errors."""
    document, error = invoke(aws, "WorkFunction", {"name": name})

    assert (document["errorType"], error) == (error_type, "Unhandled")


def test_calls_record_caller_operation_region_and_status(aws: LocalAws) -> None:
    """AWS calls are counted a renewal, and shown."""
    invoke(aws, "WorkFunction", {"name": "counted"})
    aws.client("acm", "us-east-1").list_certificates()

    calls = {(call.who, call.service, call.operation, call.region, call.status) for call in aws.calls}
    assert (WORK, "s3", "PutObject", "eu-west-3", 200) in calls
    assert ("operator", "lambda", "Invoke", "eu-west-3", 200) in calls
    assert ("operator", "acm", "ListCertificates", "us-east-1", 200) in calls
    assert ("operator", "iam", "CreateRole", "eu-west-3", 200) in calls
    assert ("operator", "sns", "CreateTopic", "eu-west-3", 200) in calls


def test_the_exports_are_enough_for_a_program_of_its_own(aws: LocalAws) -> None:
    """They are what `certmandate local up` prints."""
    program = "import boto3, sys; sys.stdout.write(boto3.client('dynamodb').list_tables()['TableNames'][0])"
    environment = {"PATH": os.environ["PATH"], **aws.exports()}

    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == aws.outputs["TableName"]


def test_no_process_outlives_the_local_aws() -> None:
    """Not even when the parent is killed."""
    toy = Path(__file__).parent / "toy" / "template.yaml"
    program = (
        "import json, os, sys; sys.path.insert(0, 'tools')\n"
        "from local import LocalAws; from pathlib import Path\n"
        f"aws = LocalAws(Path({str(toy)!r}))\n"
        "answer = aws.client('lambda').invoke(FunctionName='certmandate-EnvironmentFunction', Payload='{}')\n"
        "print(json.load(answer['Payload'])['pid'], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert has_ended(int(ended.stdout))


def has_ended(pid: int) -> bool:
    """Return whether a process ends within twenty seconds."""
    for _ in range(2_000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_a_fork_server_that_cannot_start_fails_each_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with a broken installation must end at once with the reason, not after a minute without one."""
    monkeypatch.setattr(pool, "FORK_SERVER", Path("absent.py"))
    function = pool.Function("work", "arn", "work.handler", 1.0, 128, {}, b"", "")
    functions = pool.FunctionPool("http://127.0.0.1:1", "eu-west-3", {})
    (functions._root / "code").mkdir()  # the function's code counts as unpacked
    try:
        answers = [functions.invoke(function, "{}") for _ in range(2)]
    finally:
        functions.close()

    for payload, failed in answers:
        assert failed
        assert "fork server of the functions ended with exit code 2" in json.loads(payload)["errorMessage"]
        assert "absent.py" in json.loads(payload)["errorMessage"]
