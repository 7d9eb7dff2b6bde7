"""`certmandate local` used wrongly: exit code 2, one error, nothing started."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certmandate.cli import main
from certmandate.commands.local import _figures
from local.summary import Costs
from tests.workflow.conftest import write_estate
from tests.workflow.system import leave

ROOT = Path(__file__).resolve().parents[3]


def test_faulty_files_are_reported_and_nothing_is_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 means that the files are wrong, not the run."""
    folder = write_estate(tmp_path / "e", "IDP")

    assert main(["local", "run", "--estate", str(folder), "--output", str(tmp_path / "out")]) == 2

    printed = capsys.readouterr()
    assert f"{folder}/delegations/univ.yaml:8: certificates[0].name: must be 1 to 40 lower-case letters" in printed.err
    assert "Nothing was started." in printed.err
    assert "Starting" not in printed.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["local", "run", "--input", "{"], "is not JSON"),
        (["local", "run", "--input", "{}", "--dry-run"], "pass either it or dry_run"),
        (["local", "run", "--wait-factor", "0"], "--wait-factor"),
        (["local", "run", "--certificate", "nope"], "'nope' must be DELEGATION/NAME"),
        (["local", "run", "--output", str(ROOT / "docs")], "is not the folder of an earlier run"),
        (["local", "run", "--output", "/proc/x"], "/proc/x cannot be written: "),
        (["local", "run", "--output", str(ROOT / "README.md" / "x")], "x cannot be written: Not a directory"),
        (["local", "walk"], "walk"),
        (["--nonsense"], "--nonsense"),
        (["local", "up", "--aws-port", "70000"], "--aws-port"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts distinguish a typing error from a failed run."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert expected in " ".join(printed.err.split())
    assert "Starting" not in printed.out


def test_a_refused_input_leaves_no_report_of_an_earlier_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An old report.json would be taken for the report of this run."""
    folder, output = write_estate(tmp_path / "e", "idp"), tmp_path / "out"
    output.mkdir()
    for name in ("report.json", "history.json"):
        (output / name).write_text("{}", encoding="utf-8")
    request = '{"certificate": "univ/idp"}'
    leave()  # one AWS at a time in a process

    code = main(["local", "run", "--estate", str(folder), "--output", str(output), "--input", request])

    printed = capsys.readouterr().out
    assert code == 2
    assert "InvalidRequest: unknown field 'certificate'" in printed
    assert "there is no report.json" in printed
    assert "Report, history" not in printed
    assert "for each certificate" not in printed
    assert not (output / "report.json").exists()
    assert (output / "history.json").exists()
    assert f"The state of the estate as a page: {output / 'status.html'}" in printed
    assert "On this machine" in (output / "status.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("calls", "worked_on", "expected"),
    [
        (30, 2, "to AWS: 30 (about 15 by enroll and collect for each certificate)"),
        (0, 2, "to AWS: 0"),
        (0, 0, "to AWS: 0"),
    ],
)
def test_an_average_is_printed_only_if_it_is_not_zero(calls: int, worked_on: int, expected: str) -> None:
    """A run with refused logins calls AWS for no certificate."""
    costs = Costs(scm={}, aws={"EnrollFunction": calls}, immediate=None, worked_on=worked_on)

    assert list(_figures(costs)) == [f"Calls to SCM: 0; {expected}"]


def test_ctrl_c_stops_every_process(tmp_path: Path) -> None:
    """A remaining server would keep its port."""
    command = [sys.executable, "-m", "certmandate", "local", "up", "--estate", str(write_estate(tmp_path / "e", "idp"))]
    path = {
        "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'tools'}",
        "TMPDIR": str(tmp_path / "tmp"),
        "PATH": "/usr/bin:/bin",
    }
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=path) as up:
        assert up.stdout is not None
        printed = list(iter(up.stdout.readline, "# Ctrl-C stops both.\n"))
        up.send_signal(signal.SIGINT)
        _, output = up.communicate(timeout=60)

    assert printed[0].startswith("export AWS_ACCESS_KEY_ID=")
    assert "aws stepfunctions start-execution" in printed[-1]
    assert "# SSL_CERT_FILE trusts only this SCM" in "".join(printed)
    assert re.search(r"# Roots: \S+/.+\.pem \(", "".join(printed)), "servers need them, as docs/servers.md has it"
    assert ": 1 delegation, 1 certificate." in output
    assert "Traceback" not in output
    assert up.returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_run_prints_where_the_mails_to_raos_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """N3: whoever tries the system out reads what an RAO would get."""
    scm = "dials: {issuance_polls: 0, outcome: declined}\n"
    folder, output = write_estate(tmp_path / "e", "idp", scm=scm), tmp_path / "out"

    assert main(["local", "run", "--estate", str(folder), "--output", str(output)]) == 1

    assert f"1 mail to RAOs, kept and not sent, in {output}/mails/" in capsys.readouterr().out.replace("\n", "")
    assert len(list((output / "mails").glob("*.eml"))) == 1
