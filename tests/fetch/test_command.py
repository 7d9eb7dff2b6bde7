"""`certmandate-fetch` as the timer runs it: exit codes, output, the report, boto3."""

from __future__ import annotations

import ast
import errno
import fcntl
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.response import StreamingBody
from moto import mock_aws

from certmandate_fetch.__main__ import main
from certmandate_fetch.configuration import read_configuration
from certmandate_fetch.errors import FetchError, StoreUnavailable
from certmandate_fetch.installation import Installation
from certmandate_fetch.store import Store
from renewal.adapters.objects import S3Certificates
from tests.adapters.aws.records import SPEC
from tests.fetch.host import Host, a_new_pair

SOURCES = sorted((Path(__file__).parents[2] / "tools" / "certmandate_fetch").glob("*.py"))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket, in an account of moto's."""
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="store")
        yield client


def run(host: Host, *options: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Run the command with --json; return its exit code and its document."""
    code = main(["--config", str(host.configuration), "--patience", "0", "--json", *options])
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == code
    return code, document


def test_a_fault_is_printed_without_control_characters(host: Host, capsys: pytest.CaptureFixture[str]):
    """S7: a configuration file that a program has written may have them, and a terminal would obey."""
    host.declare("col\x1b[2J\u202eour = blue")

    assert main(["--config", str(host.configuration), "--check-config"]) == 2
    found = capsys.readouterr().err
    assert "col\\u001b[2J\\u202eour: not a key of" in found


def test_the_report_has_what_is_installed_and_presented(host: Host, s3: Any, capsys: pytest.CaptureFixture[str]):
    """`reported_by` takes it for a proof: it names the certificate, its key, and what each endpoint presents."""
    pair = a_new_pair()
    S3Certificates(s3, "store").put(pair)
    host.declare("connect = 127.0.0.1:1")

    code, document = run(host, capsys=capsys)

    stored = json.loads(s3.get_object(Bucket="store", Key=f"served/{SPEC.delegation}/web-1.json")["Body"].read())
    assert {**stored, "exit_code": 1, "report_error": ""} == document
    assert (code, stored["format"], stored["host"], stored["delegation"]) == (1, 1, "web-1", SPEC.delegation)
    (row,) = stored["certificates"]
    assert (row["name"], row["state"], row["error"]) == (SPEC.name, "not served", "NotServed")
    assert row["serial"] == pair.chain.leaf.serial
    assert row["sha256"] == pair.chain.leaf.fingerprint()
    assert row["public_key_sha256"] == pair.chain.leaf.key_fingerprint
    assert [endpoint["state"] for endpoint in row["endpoints"]] == ["unreachable"]
    host.declare()
    assert run(host, capsys=capsys)[1]["certificates"][0]["state"] == "installed"


def test_a_strict_umask_does_not_lock_servers_out(host: Host, s3: Any):
    """An administrator's shell may have 077: then only root could enter the folder, whatever `owner` and `mode` are."""
    S3Certificates(s3, "store").put(a_new_pair())
    before = os.umask(0o077)
    try:
        assert main(["--config", str(host.configuration)]) == 0
    finally:
        os.umask(before)

    assert stat.S_IMODE((host.folder / "www").stat().st_mode) == 0o755


def test_a_run_without_a_change_prints_nothing(host: Host, s3: Any, capsys: pytest.CaptureFixture[str]):
    """The journal of a server has a line for each certificate that was installed, and one for each error."""
    S3Certificates(s3, "store").put(a_new_pair())
    printed = []
    for _ in range(2):
        assert main(["--config", str(host.configuration)]) == 0
        printed.append(capsys.readouterr())

    assert printed[0].out.startswith("idp: installed ")
    assert (printed[1].out, printed[1].err) == ("", "")


def test_no_secret_is_printed_or_reported(host: Host, s3: Any, capfd: pytest.CaptureFixture[str]):
    """The journal and the report have more readers than the key; an unusable key is not quoted either."""
    pair = a_new_pair()
    S3Certificates(s3, "store").put(pair)
    host.declare(f"keystore = {host.folder}/key.p12", f"password_file = {host.folder}/password", "reload = false")
    assert main(["--config", str(host.configuration), "--json"]) == 1
    host.bucket.objects.clear()
    key = f"certificates/{SPEC.delegation}/{SPEC.name}/{pair.chain.leaf.serial}/privkey.pem"
    s3.put_object(Bucket="store", Key=key, Body=pair.key.pem().replace(b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"))
    assert main(["--config", str(host.configuration), "--json"]) == 1

    report = s3.get_object(Bucket="store", Key=f"served/{SPEC.delegation}/web-1.json")["Body"].read().decode()
    output = capfd.readouterr()
    for secret in ("keystore password", *pair.key.pem().decode().splitlines()[1:-1]):
        assert secret not in report + output.out + output.err


def test_a_certificate_that_is_not_stored_needs_attention(host: Host, s3: Any, capsys: pytest.CaptureFixture[str]):
    """The name may be misspelt; the report has it all the same."""
    code, document = run(host, capsys=capsys)

    assert (code, document["certificates"][0]["error"]) == (1, "CertificateMissing")
    assert document["certificates"][0]["serial"] == ""


def test_wrong_usage_exits_2_with_the_lines(host: Host, capsys: pytest.CaptureFixture[str]):
    """`--check-config` lets a configuration management validate the file before it replaces the former one."""
    assert main(["--config", str(host.configuration), "--check-config"]) == 0
    host.declare("mode = 0777")
    code, document = run(host, "--check-config", capsys=capsys)
    assert (code, document["error"]) == (2, "ConfigurationInvalid")
    host.declare()
    (host.folder / "roots.pem").write_text("no certificate")
    assert run(host, capsys=capsys)[1]["error"] == "ConfigurationInvalid"


def test_two_runs_at_a_time_exclude_each_other(host: Host, s3: Any, capsys: pytest.CaptureFixture[str]):
    """An operator's run beside the timer's would switch and clean under its hands, whatever the configuration file is.

    Ansible may have replaced it since the timer's run began.
    """
    busy = {"error": "AlreadyRunning", "text": f"another run works on {host.folder}/www", "exit_code": 75}
    with Installation(host.declaration).locked():
        assert run(host, capsys=capsys) == (75, busy)
        host.configuration.unlink()
        host.declare("haproxy = yes")
        assert run(host, capsys=capsys) == (75, busy)
    assert "Contents" not in s3.list_objects_v2(Bucket="store"), "no report about what the other run does"

    assert "error" not in run(host, capsys=capsys)[1]


def test_a_folder_that_cannot_be_locked_is_named(
    host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A network file system may have no locks; then nothing would exclude a second run."""
    monkeypatch.setattr(fcntl, "flock", _refuse)

    code, document = run(host, capsys=capsys)

    assert (code, document["error"]) == (1, "FileRefused")
    assert document["text"] == f"{host.folder}/www/lock: its file system has no locks (No locks available)"


def _refuse(*_: Any) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_a_folder_that_cannot_be_made_is_an_error_of_its_certificate(
    host: Host, s3: Any, capsys: pytest.CaptureFixture[str]
):
    """Others are installed, and the report has both."""
    S3Certificates(s3, "store").put(a_new_pair())
    (host.folder / "www").write_text("a file")

    code, document = run(host, capsys=capsys)

    assert (code, [row["error"] for row in document["certificates"]]) == (1, ["FileRefused"])


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "name", "exit_code"),
    [
        (refusal("NoSuchKey", 404), "CertificateMissing", 1),
        (refusal("AccessDenied", 403), "StoreRefused", 3),
        (refusal("NoSuchBucket", 404), "StoreRefused", 3),
        (refusal("ExpiredToken"), "StoreRefused", 3),
        (refusal("SlowDown", 503), "StoreUnavailable", 75),
        (refusal("Unknown", 500), "StoreUnavailable", 75),
        (NoCredentialsError(), "StoreRefused", 3),
        (EndpointConnectionError(endpoint_url="https://s3"), "StoreUnavailable", 75),
        (ConnectionClosedError(endpoint_url="https://s3"), "StoreUnavailable", 75),
        (ReadTimeoutError(endpoint_url="https://s3"), "StoreUnavailable", 75),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_error_of_aws_has_a_name_and_an_exit_code(host: Host, error: Exception, name: str, exit_code: int):
    """75 is for a later run, 3 for who administers the role, and the timer's unit fails for each."""

    class Refusing:
        def get_object(self, **_request: str) -> None:
            raise error

    with pytest.raises(FetchError) as found:
        Store(read_configuration(host.configuration).store, Refusing()).pointer("idp")
    assert (type(found.value).__name__, found.value.exit_code) == (name, exit_code)


def test_an_object_that_is_cut_off_is_read_again_later(host: Host):
    """urllib3 1.26, of Debian 12 and Red Hat 9, returns what has arrived: half a pointer is not a wrong one."""

    class Cut:
        def get_object(self, **_request: str) -> dict[str, Any]:
            return {"Body": StreamingBody(io.BytesIO(b'{"serial": "A'), 300)}

    with pytest.raises(StoreUnavailable):
        Store(read_configuration(host.configuration).store, Cut()).pointer("idp")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_client_is_written_for_python_3_9(source: Path):
    """That of enterprise distributions; names that the standard library has since are the import's business."""
    ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 9))
