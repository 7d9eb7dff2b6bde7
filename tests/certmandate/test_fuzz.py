"""Fault N5 to N9: nothing that the operator types, exports or saves ends in a traceback."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certmandate.cli import COMMANDS, command, main

EXIT_CODES = {0, 1, 2, 3, 75, 130}
CLOSED = "http://127.0.0.1:9"
NOT_PLAYED = {"local", "credential"}
"""`local` starts servers; `credential` asks on the terminal (with --stdin it is below)."""
NAMES = {name: module for group in COMMANDS.values() for name, (module, _) in group.items() if name not in NOT_PLAYED}
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


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["credential", *NAMES]),
    arguments=st.lists(
        st.one_of(st.sampled_from([*OPTIONS, *VALUES, "FILE", "FOLDER"]), st.text(max_size=8)), max_size=5
    ),
    variables=st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from([*SETTINGS, "FILE", "FOLDER"]), max_size=3),
    content=st.one_of(st.binary(max_size=60), st.sampled_from(CONTENTS)),
    stdin=st.text(max_size=30),
)
def test_nothing_ends_in_a_traceback(
    files: Path, name: str, arguments: list[str], variables: dict[str, str], content: bytes, stdin: str
) -> None:
    """Every end has one of six exit codes and a text; AWS is a port that is closed."""
    (files / "univ.yaml").write_bytes(content)
    places = {"FILE": "univ.yaml", "FOLDER": str(files)}
    options = ["--stdin"] if name == "credential" else []
    found = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    set_ = {variable: places.get(value, value) for variable, value in variables.items()}
    with patch.dict(os.environ, {**found, **AWS, **set_}, clear=True), patch.object(sys, "stdin", io.StringIO(stdin)):
        code = main([name, *(places.get(argument, argument) for argument in arguments), *options])

    assert code in EXIT_CODES
