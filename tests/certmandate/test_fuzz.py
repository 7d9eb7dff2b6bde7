"""Fault N5 to N9: nothing that the operator types, exports or saves ends in a traceback."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from certmandate.cli import COMMANDS, command, main
from tests.certmandate.desk import validator

EXIT_CODES = {0, 1, 2, 3, 75, 130}
CLOSED = "http://127.0.0.1:9"
NOT_PLAYED = {"local", "credential"}
"""`local` starts servers; `credential` asks on the terminal (with --stdin it is below)."""
NAMES = {name: module for group in COMMANDS.values() for name, (module, _) in group.items() if name not in NOT_PLAYED}
WITH_JSON = sorted(
    name
    for name, module in NAMES.items()
    if any(parameter.name == "as_json" for parameter in command(name, module).params)
)
OPTIONS = sorted(
    {
        option
        for name, module in NAMES.items()
        for parameter in command(name, module).params
        for option in parameter.opts
        if option.startswith("-")
    }
    - {"--no-follow", "--wait-seconds"}
)
VALUES = [
    "univ",
    "univ/idp",
    "univ/",
    "/",
    "..",
    "-1",
    "0",
    "2026-13-01",
    "2026-11",
    "é\u202e",
    "=1",
    "",
    "\x00",
    "9" * 30,
]
VARIABLES = [
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_CA_BUNDLE",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSLKEYLOGFILE",
    "SSL_CERT_FILE",
    "CERTMANDATE_OUTPUTS",
    "CERTMANDATE_STACK",
    "CERTMANDATE_THIRD_PARTY",
    "COLUMNS",
    "TERM",
]
SETTINGS = [
    "x",
    "0",
    "-5",
    "[",
    "{}",
    "[1]",
    '{"StateMachineArn":"x"}',
    "http://[::1",
    "socks5://127.0.0.1:9",
    "::/0",
    "é",
    "/",
    "…/…",
    "",
]
AWS = {
    "AWS_ENDPOINT_URL": CLOSED,
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
CONTENTS = (b"name: [", b"- 1", b"&a [*a]", b"{}", b"\xff\xfe{", b"delegation: 1\n")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, for the files of all examples."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


TYPED = st.lists(st.one_of(st.sampled_from([*OPTIONS, *VALUES, "FILE", "FOLDER"]), st.text(max_size=8)), max_size=5)
EXPORTED = st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from([*SETTINGS, "FILE", "FOLDER"]), max_size=3)
SAVED = st.one_of(st.binary(max_size=60), st.sampled_from(CONTENTS))


def ended(files: Path, name: str, arguments: list[str], variables: dict[str, str], content: bytes, stdin: str) -> int:
    """Run one command; return its exit code. AWS is a port that is closed."""
    (files / "univ.yaml").write_bytes(content)
    places = {"FILE": "univ.yaml", "FOLDER": str(files)}
    options = ["--stdin"] if name == "credential" else []
    found = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    set_ = {variable: places.get(value, value) for variable, value in variables.items()}
    with patch.dict(os.environ, {**found, **AWS, **set_}, clear=True), patch.object(sys, "stdin", io.StringIO(stdin)):
        return main([name, *(places.get(argument, argument) for argument in arguments), *options])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["credential", *NAMES]), arguments=TYPED, variables=EXPORTED, content=SAVED,
    stdin=st.text(max_size=30),
)  # fmt: skip
def test_nothing_ends_in_a_traceback(
    files: Path, name: str, arguments: list[str], variables: dict[str, str], content: bytes, stdin: str
) -> None:
    """Every end has one of six exit codes and a text."""
    assert ended(files, name, arguments, variables, content, stdin) in EXIT_CODES


@example(name="calendar", arguments=["univ"], variables={}, content=b"")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(WITH_JSON), arguments=TYPED, variables=EXPORTED, content=SAVED)
def test_every_end_with_json_is_one_document(
    files: Path, name: str, arguments: list[str], variables: dict[str, str], content: bytes
) -> None:
    """A program reads it, also when the command is refused; `check` and `findings` printed nothing then."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = ended(files, name, ["--json", *arguments], variables, content, "")

    if not {"-h", "--help", "--"} & set(arguments):
        document = json.loads(printed.getvalue())
        validator("error" if "exit_code" in document else name).validate(document)
        assert document.get("exit_code", code) == code
